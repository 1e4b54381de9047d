/* Writes the made MNIST into a folder, for tests that are scripts. usage: make_mnist FOLDER */
#include <stdio.h>

#include "tests/data/files.h"

int main(int argc, char **argv) {
    char folder[512];
    if (argc != 2)
        return 2;
    snprintf(folder, sizeof folder, "%s/mnist", argv[1]);
    idx_set(folder, 60, 30, 0);
    return 0;
}
