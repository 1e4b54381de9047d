/* Folders that the program writes to. */
#ifndef HARNESS_BASE_FOLDER_H
#define HARNESS_BASE_FOLDER_H

#include <stdbool.h>

#include "net/status.h"

/* Makes the folder and its parents where they are missing, and brings what it made to the disk.
 * STATUS_BAD_INPUT says which could not be made, and why. */
Status folder_make(const char *path);
/* The same, and sees that files can be written into it; `option` is the one that gave its name:
 * "--out". */
Status folder_make_writable(const char *path, const char *option);

/* Removes the folder and all it holds; links are not followed. False when something is left. */
bool folder_remove(const char *path);

/* Brings to the disk that a file or folder of this name was made, renamed or removed. */
Status folder_sync(const char *path);

#endif
