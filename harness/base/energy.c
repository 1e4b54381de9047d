#include "harness/base/energy.h"

#include <dirent.h>
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

void energy_open(EnergyMeter *meter, const char *root) {
    const char *asked = getenv("RESLAB_POWERCAP");
    struct dirent *entry;
    *meter = (EnergyMeter){.count = 0};
    root = root ? root : asked ? asked : "/sys/class/powercap";
    DIR *folder = opendir(root);
    if (!folder)
        return;
    bool sound = true;
    while (sound && (entry = readdir(folder)) != NULL)
        sound = add_package(meter, root, entry->d_name);
    closedir(folder);
    if (!sound) /* part of the machine would pass for all of it */
        meter->count = 0;
}

double energy_take(EnergyMeter *meter) {
    double joules = 0;
    if (meter->count == 0)
        return NAN;
    for (int i = 0; i < meter->count; i++) {
        EnergyPackage *package = &meter->packages[i];
        uint64_t now;
        if (!read_count(package->path, &now)) {
            meter->count = 0;
            return NAN;
        }
        uint64_t used =
            now >= package->last ? now - package->last : package->range - package->last + now;
        joules += 1e-6 * (double)used;
        package->last = now;
    }
    return joules;
}
