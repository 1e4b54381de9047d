/* Energy that the machine has used: of the processors by the RAPL counters that Linux shows in
 * /sys/class/powercap, of an NVIDIA card by NVML, the driver's library. */
#ifndef HARNESS_BASE_ENERGY_H
#define HARNESS_BASE_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

enum { ENERGY_PACKAGES_MAX = 16 };

typedef struct EnergyPackage {
    char path[512];       /* of its energy_uj */
    uint64_t last, range; /* microjoules; the counter begins anew after `range` */
} EnergyPackage;

/* The driver's counter of one card; read is NULL where no card is metered. */
typedef struct EnergyCard {
    void *device;
    int (*read)(void *device, unsigned long long *millijoules);
    unsigned long long last;
} EnergyCard;

/* count 0: the machine has no counters, or does not let this user read them. */
typedef struct EnergyMeter {
    EnergyPackage packages[ENERGY_PACKAGES_MAX];
    int count;
    EnergyCard card;
} EnergyMeter;

/* Finds the counters of whole packages under `root`; NULL: /sys/class/powercap, or the folder that
 * RESLAB_POWERCAP names. with_card: and that of the machine's NVIDIA card; where there are several
 * it is not known which computes, so there is no counter then. RESLAB_NVML names another library.
 * A meter that lacks a part has none at all: part of the energy would pass for the whole. */
void energy_open(EnergyMeter *meter, const char *root, bool with_card);
/* Joules used since the call before, or since energy_open(), by whatever program; NaN without
 * counters, or when one has failed. A processor's counter may begin anew once in between: at 200 W
 * that is after about 20 minutes. */
double energy_take(EnergyMeter *meter);

#endif
