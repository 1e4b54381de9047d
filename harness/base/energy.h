/* Energy that the processors have used: the RAPL counters that Linux shows in /sys/class/powercap.
 */
#ifndef HARNESS_BASE_ENERGY_H
#define HARNESS_BASE_ENERGY_H

#include <stdint.h>

enum { ENERGY_PACKAGES_MAX = 16 };

typedef struct EnergyPackage {
    char path[512];       /* of its energy_uj */
    uint64_t last, range; /* microjoules; the counter begins anew after `range` */
} EnergyPackage;

/* packages 0: the machine has no counters, or does not let this user read them. */
typedef struct EnergyMeter {
    EnergyPackage packages[ENERGY_PACKAGES_MAX];
    int count;
} EnergyMeter;

/* Finds the counters of whole packages under `root`; NULL: /sys/class/powercap, or the folder that
 * RESLAB_POWERCAP names. */
void energy_open(EnergyMeter *meter, const char *root);
/* Joules that all packages have used since the call before, or since energy_open(), by whatever
 * program; NaN without counters, or when one has failed. A counter may begin anew once in between:
 * at 200 W that is after about 20 minutes. */
double energy_take(EnergyMeter *meter);

#endif
