/* Rounding of fp32 numbers to the shorter formats of tensor cores. */
#ifndef SOFTGPU_BF16_H
#define SOFTGPU_BF16_H

#include <cstdint>
#include <cstring>

inline uint32_t softgpu_bits(float v) {
    uint32_t u;
    std::memcpy(&u, &v, sizeof u);
    return u;
}

inline float softgpu_float(uint32_t u) {
    float v;
    std::memcpy(&v, &u, sizeof v);
    return v;
}

inline bool softgpu_is_nan(uint32_t u) {
    return (u & 0x7fffffffu) > 0x7f800000u;
}

/* Keeps all but the `drop` last bits of the mantissa, to nearest, ties to even; NaN stays NaN. */
inline float softgpu_shorten(float v, int drop) {
    uint32_t u = softgpu_bits(v);
    if (softgpu_is_nan(u)) {
        return softgpu_float(0x7fc00000u);
    }
    uint32_t half = (1u << (drop - 1)) - 1 + ((u >> drop) & 1u);
    return softgpu_float((u + half) & ~((1u << drop) - 1));
}

/* tf32: 10 bits of mantissa, fp32's exponent. */
inline float softgpu_tf32(float v) {
    return softgpu_shorten(v, 13);
}

inline uint16_t softgpu_to_bf16(float v) {
    return (uint16_t)(softgpu_bits(softgpu_shorten(v, 16)) >> 16);
}

inline float softgpu_from_bf16(uint16_t v) {
    return softgpu_float((uint32_t)v << 16);
}

#endif
