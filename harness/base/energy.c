#include "harness/base/energy.h"

#include <dirent.h>
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_text(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool got = fgets(text, (int)size, file) != NULL;
    fclose(file);
    return got;
}

static bool read_count(const char *path, uint64_t *value) {
    char text[64], *end;
    if (!read_text(path, text, sizeof text))
        return false;
    *value = strtoull(text, &end, 10);
    return end != text && (*end == '\n' || *end == '\0');
}

/* "intel-rapl:0" is a domain, "intel-rapl:0:1" a part of it; of the domains only packages count:
 * "psys" holds them once more. AMD's processors go by the same name. */
static bool add_package(EnergyMeter *meter, const char *root, const char *name) {
    static const char prefix[] = "intel-rapl:";
    char path[512], text[64];
    EnergyPackage *package = &meter->packages[meter->count];
    const char *number = name + sizeof prefix - 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || strchr(number, ':') ||
        meter->count == ENERGY_PACKAGES_MAX)
        return true;
    if (snprintf(path, sizeof path, "%s/%s/name", root, name) >= (int)sizeof path ||
        !read_text(path, text, sizeof text) || strncmp(text, "package", 7) != 0)
        return true;
    snprintf(path, sizeof path, "%s/%s/max_energy_range_uj", root, name);
    snprintf(package->path, sizeof package->path, "%s/%s/energy_uj", root, name);
    if (!read_count(path, &package->range) || !read_count(package->path, &package->last))
        return false;
    meter->count++;
    return true;
}

static bool open_packages(EnergyMeter *meter, const char *root) {
    struct dirent *entry;
    DIR *folder = opendir(root);
    if (!folder)
        return false;
    bool sound = true;
    while (sound && (entry = readdir(folder)) != NULL)
        sound = add_package(meter, root, entry->d_name);
    closedir(folder);
    return sound;
}

/* A function of NVML. ISO C knows no conversion of what dlsym() gives, POSIX does. */
static bool find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

/* The library stays loaded. */
static bool open_card(EnergyCard *card) {
    int (*init)(void), (*count_cards)(unsigned *), (*get)(unsigned, void **);
    const char *asked = getenv("RESLAB_NVML");
    unsigned cards = 0;
    void *library = dlopen(asked ? asked : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    return library && find(library, "nvmlInit_v2", &init) &&
           find(library, "nvmlDeviceGetCount_v2", &count_cards) &&
           find(library, "nvmlDeviceGetHandleByIndex_v2", &get) &&
           find(library, "nvmlDeviceGetTotalEnergyConsumption", &card->read) && init() == 0 &&
           count_cards(&cards) == 0 && cards == 1 && get(0, &card->device) == 0 &&
           card->read(card->device, &card->last) == 0;
}

void energy_open(EnergyMeter *meter, const char *root, bool with_card) {
    const char *asked = getenv("RESLAB_POWERCAP");
    *meter = (EnergyMeter){.count = 0};
    if (!open_packages(meter, root    ? root
                              : asked ? asked
                                      : "/sys/class/powercap") ||
        (with_card && !open_card(&meter->card)))
        *meter = (EnergyMeter){.count = 0};
}

/* False: the counter has failed. */
static bool take_package(EnergyPackage *package, double *joules) {
    uint64_t now;
    if (!read_count(package->path, &now))
        return false;
    uint64_t used =
        now >= package->last ? now - package->last : package->range - package->last + now;
    *joules += 1e-6 * (double)used;
    package->last = now;
    return true;
}

static bool take_card(EnergyCard *card, double *joules) {
    unsigned long long now;
    if (!card->read)
        return true;
    if (card->read(card->device, &now) != 0 || now < card->last)
        return false;
    *joules += 1e-3 * (double)(now - card->last);
    card->last = now;
    return true;
}

double energy_take(EnergyMeter *meter) {
    double joules = 0;
    bool sound = meter->count > 0;
    for (int i = 0; sound && i < meter->count; i++)
        sound = take_package(&meter->packages[i], &joules);
    if (!sound || !take_card(&meter->card, &joules)) {
        meter->count = 0;
        return NAN;
    }
    return joules;
}
