/* cmocka for C++: its header does not say that it is C. */
#ifndef SOFTGPU_CMOCKA_CPP_H
#define SOFTGPU_CMOCKA_CPP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>
}

#endif
