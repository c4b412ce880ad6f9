/* What native.c and native_decoder.c share. */

#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;
typedef int64_t size;

static inline float wide(bf16 value) {
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, 4);
    return result;
}

static inline bf16 narrow(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (bf16)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* exp by a polynomial (Cephes), to 2 units in the last place; 0 below -87. */
static inline float exponential(float x) {
    float low = x < 88.0f ? x : 88.0f;
    low = low > -87.0f ? low : -87.0f;
    float whole = rintf(low * 1.44269504f);
    float r = low - whole * 0.693359375f;
    r -= whole * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = ((int32_t)whole + 127) << 23;
    float scale;
    memcpy(&scale, &bits, 4);
    p *= scale;
    p = x < -87.0f ? 0.0f : p;
    return x == x ? p : x; /* not a number stays so: a training that diverges is noticed */
}
