/* Stands in for the driver's library: as many cards and as much energy as the environment says. */
#include <stdlib.h>

int nvmlInit_v2(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules);

static int initialised;

int nvmlInit_v2(void) {
    initialised = 1;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = (unsigned)atoi(getenv("FAKE_CARDS"));
    return initialised ? 0 : 1;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = &initialised;
    return index == 0 ? 0 : 2;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    char *end;
    *millijoules = strtoull(getenv("FAKE_MILLIJOULES"), &end, 10);
    return device == &initialised && *end == 0 ? 0 : 999;
}
