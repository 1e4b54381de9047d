/* harness verdict: what a sweep has shown. */
#include <stdio.h>

#include "harness/base/cli.h"
#include "harness/judged_folders.h"
#include "harness/verdict/verdict.h"

static int help(void) {
    printf(
        "Usage: harness verdict DIR... [OPTIONS]\n"
        "\n"
        "Judges what the experiment expects (columns expect, tolerance, source) and claims\n"
        "(NAME.claims.csv beside it) by the runs of an output folder, grouped over seeds:\n"
        "\n"
        "  reproduced                  the interval of the mean lies within the band\n"
        "  not reproduced              it lies outside; or a run of the group diverged\n"
        "  underpowered: 3 more seeds  neither; so many more would probably decide\n"
        "  inside band (n=1), outside band (n=1)    one seed decides nothing\n"
        "\n"
        "Then the test error of the same runs at the last evaluation, at the one best on "
        "held-back\n"
        "images (column select=best_validation), and at the one best on the test images: what\n"
        "choosing by the test error makes of them. Writes DIR/verdict.csv and\n"
        "DIR/selection_bias.csv. The method: harness/verdict/README.md.\n"
        "\n"
        "  --alpha X   chance of a wrong verdict, each; default 0.05 (intervals of 90 %%)\n"
        "  --power X   chance of a verdict that the number of seeds is planned for; default 0.8\n"
        "\n"
        "Exit status: 0 judged, whatever the verdicts; 2 no folder, no finished run, a broken\n"
        "file.\n"
        "\n"
        "Examples:\n"
        "  harness verdict results/degradation\n"
        "  harness verdict results/depth_sweep --alpha 0.01\n");
    return EXIT_DONE;
}

static Status judge(const char *dir, Level level) {
    Verdicts verdicts;
    TRY(verdicts_read(dir, level, &verdicts));
    verdicts_print(stdout, &verdicts);
    Status status = verdicts_write(dir, &verdicts);
    verdicts_free(&verdicts);
    if (status == STATUS_OK)
        printf("%s/verdict.csv\n%s/selection_bias.csv\n", dir, dir);
    return status;
}

int cmd_verdict(int argc, char **argv) {
    return judged_folders(argc, argv, help, judge);
}
