#include "harness/judged_folders.h"

#include <getopt.h>

#include "harness/base/cli.h"
#include "harness/sweep/values.h"

static bool share(const char *text, double high, double *value) {
    return value_real(text, value) && *value > 0 && *value < high;
}

int judged_folders(int argc, char **argv, int (*help)(void),
                   Status (*each)(const char *dir, Level level)) {
    static const struct option options[] = {{"alpha", required_argument, NULL, 'a'},
                                            {"power", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    Level level = LEVEL_DEFAULT;
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (code == 'h')
            return help();
        if (code == '?' || code == ':')
            return cli_bad_option(argc, argv, code);
        if (code == 'a' && !share(optarg, 0.5, &level.alpha))
            return cli_usage(argv[0], "--alpha '%s': expected a number between 0 and 0.5", optarg);
        if (code == 'p' && !share(optarg, 1, &level.power))
            return cli_usage(argv[0], "--power '%s': expected a number between 0 and 1", optarg);
    }
    if (optind == argc)
        return cli_usage(argv[0], "which folder? 'harness run' printed it");
    for (int i = optind; i < argc; i++) {
        Status status = each(argv[i], level);
        if (status != STATUS_OK)
            return cli_fail(status);
    }
    return EXIT_DONE;
}
