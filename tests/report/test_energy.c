/* The energy meter on folders that look like /sys/class/powercap. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/energy.h"
#include "tests/sweep/scratch.h"

static const char *in(const char *name) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), name);
    return path;
}

static void put(const char *root, const char *domain, const char *name, const char *text) {
    char path[256];
    mkdir(in(root), 0777);
    snprintf(path, sizeof path, "%s/%s", root, domain);
    mkdir(in(path), 0777);
    snprintf(path, sizeof path, "%s/%s/%s", root, domain, name);
    FILE *file = fopen(in(path), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void put_domain(const char *root, const char *domain, const char *name, const char *count) {
    char text[64];
    snprintf(text, sizeof text, "%s\n", name);
    put(root, domain, "name", text);
    put(root, domain, "max_energy_range_uj", "262143328850\n");
    put(root, domain, "energy_uj", count);
}

static void is(double got, double want) {
    if (!(fabs(got - want) <= 1e-9))
        fail_msg("%.12g J, expected %.12g", got, want);
}

/* Two packages count, their parts and the platform do not; a counter may begin anew. */
static void packages_are_summed(void **state) {
    (void)state;
    EnergyMeter meter;
    put_domain("two", "intel-rapl:0", "package-0", "1000000\n");
    put_domain("two", "intel-rapl:1", "package-1", "262143000000\n");
    put_domain("two", "intel-rapl:0:0", "core", "5\n");
    put_domain("two", "intel-rapl:2", "psys", "5\n");
    put_domain("two", "intel-rapl-mmio:0", "package-0", "5\n");
    energy_open(&meter, in("two"), false);
    assert_int_equal(meter.count, 2);
    is(energy_take(&meter), 0);
    put("two", "intel-rapl:0", "energy_uj", "3500000\n");
    put("two", "intel-rapl:2", "energy_uj", "9000000\n");
    is(energy_take(&meter), 2.5);
    put("two", "intel-rapl:1", "energy_uj", "1000000\n");
    is(energy_take(&meter), 1 + 0.32885);
    is(energy_take(&meter), 0);
}

/* Nothing is known of a machine without counters, with one that cannot be read, or that goes. */
static void unknown_is_nan(void **state) {
    (void)state;
    EnergyMeter meter;
    char gone[1100];
    energy_open(&meter, in("none"), false);
    assert_true(isnan(energy_take(&meter)));
    put_domain("part", "intel-rapl:0", "package-0", "7\n");
    put_domain("part", "intel-rapl:1", "package-1", "no number\n");
    energy_open(&meter, in("part"), false);
    assert_int_equal(meter.count, 0);
    put_domain("goes", "intel-rapl:0", "package-0", "7\n");
    energy_open(&meter, in("goes"), false);
    is(energy_take(&meter), 0);
    snprintf(gone, sizeof gone, "%s", in("goes/intel-rapl:0/energy_uj"));
    assert_int_equal(unlink(gone), 0);
    assert_true(isnan(energy_take(&meter)));
    assert_true(isnan(energy_take(&meter)));
}

static const char *nvml;

/* A card is counted with the packages; without it, or with several, nothing is. */
static void a_card_is_added(void **state) {
    (void)state;
    EnergyMeter meter;
    put_domain("card", "intel-rapl:0", "package-0", "0\n");
    setenv("RESLAB_NVML", nvml, 1);
    setenv("FAKE_CARDS", "1", 1);
    setenv("FAKE_MILLIJOULES", "500", 1);
    energy_open(&meter, in("card"), true);
    is(energy_take(&meter), 0);
    setenv("FAKE_MILLIJOULES", "2750", 1);
    put("card", "intel-rapl:0", "energy_uj", "1000000\n");
    is(energy_take(&meter), 3.25);
    setenv("FAKE_MILLIJOULES", "failed", 1);
    assert_true(isnan(energy_take(&meter)));
    setenv("FAKE_MILLIJOULES", "1", 1);
    setenv("FAKE_CARDS", "2", 1);
    energy_open(&meter, in("card"), true);
    assert_true(isnan(energy_take(&meter)));
    setenv("RESLAB_NVML", "/nonexistent/libnvidia-ml.so.1", 1);
    energy_open(&meter, in("card"), true);
    assert_true(isnan(energy_take(&meter)));
    energy_open(&meter, in("card"), false);
    is(energy_take(&meter), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packages_are_summed),
        cmocka_unit_test(unknown_is_nan),
        cmocka_unit_test(a_card_is_added),
    };
    if (argc != 2)
        return 1;
    nvml = argv[1];
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
