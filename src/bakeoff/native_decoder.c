/* New tokens through a decoder-only transformer in fp32, with the keys and values of earlier ones: see native_decoder.py.

   A token needs every weight once, so weights are read in the smallest form that keeps their values, sixteen rows of a
   matrix side by side. Vectors are GCC's (clang has them too): a processor with shorter ones gets several for one. */

#include "native.h"

#include <stdlib.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define LANES 16  /* rows of a matrix that are read together */
#define BLOCK 32  /* columns that share a scale; inputs are padded with zeros to a multiple */
#define TOGETHER 8 /* tokens that share one reading of the weights */
#define AHEAD 4096 /* bytes: weights are fetched before they are needed */
#define inlined static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t words __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2), may_alias));
typedef int32_t integers __attribute__((vector_size(64)));

enum { FP32, BF16, INT8, INT4 }; /* each half as large as the one before */
enum { SILU, GELU_TANH, GELU };

/* data holds, for sixteen rows at a time:
   FP32: each column's sixteen values.
   BF16: each two columns' sixteen words, the first column in the lower half.
   INT8: each four columns' sixteen words, the first column in the lowest byte; a scale in fp16 for each row and block.
   INT4: each eight columns' sixteen words, the first column in the lowest bits; a scale and the value of 0 as for INT8,
   (blocks, 2, 16). */
typedef struct {
    const uint8_t *data;
    const uint16_t *scales;
    size rows, columns, kind;
} Matrix;

typedef struct {
    Matrix parts[3]; /* of the same inputs; those without rows are absent */
    const float *bias;
} Linear;

typedef struct {
    const float *weight, *bias;
    float epsilon;
} Norm;

typedef struct {
    Norm attention_norm, query_norm, key_norm, feed_forward_norm;
    Linear query_key_value, attention_output, up, down;
    float attention_scale;
} Layer;

typedef struct {
    size layer_count, heads, key_value_heads, head_size, hidden_size, inner_size, activation, gated;
    Norm final_norm;
    Linear head;
    const Layer *layers;
} Model;

inlined size padded(size count, size unit) { return (count + unit - 1) / unit * unit; }

inlined floats as_floats(words bits) { return (floats)bits; }

/* fp16 to fp32, exactly, also for subnormal numbers. */
inlined floats from_half(const uint16_t *values) {
#ifdef __AVX512F__
    return (floats)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)values));
#else
    words bits = __builtin_convertvector(*(const halves *)values, words);
    words magnitude = (words)(as_floats((bits & 0x7fff) << 13) * 0x1p112f);
    return as_floats(magnitude | (bits & 0x8000) << 16);
#endif
}

/* Four bits each, the lowest, minus 8. */
inlined floats from_int4(words packed) {
#ifdef __AVX512F__
    const __m512 values = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    return (floats)_mm512_permutexvar_ps((__m512i)packed, values);
#else
    return __builtin_convertvector((integers)(packed & 15) - 8, floats);
#endif
}

inlined floats weights_of(const uint8_t *block, int column, int kind) {
    switch (kind) {
    case FP32: return *(const floats *)(block + column * 64);
    case BF16: {
        words pair = *(const words *)(block + column / 2 * 64);
        return column % 2 ? as_floats(pair & 0xffff0000u) : as_floats(pair << 16);
    }
    case INT8: { /* as the highest byte of a word: times 2^24 */
        words quad = *(const words *)(block + column / 4 * 64);
        if (column % 4 < 3) quad <<= 24 - column % 4 * 8;
        if (column % 4 > 0) quad &= 0xff000000u;
        return __builtin_convertvector((integers)quad, floats);
    }
    default: return from_int4(*(const words *)(block + column / 8 * 64) >> (column % 8 * 4));
    }
}

/* Sixteen rows times `count` inputs, which are `stride` apart; sums: of each block of the inputs, (count, blocks). */
inlined void sixteen_rows(const Matrix *matrix, size group, const float *inputs, size stride, const float *sums,
                          floats *results, const int count, const int kind) {
    static const size block_bytes[] = {BLOCK * 64, BLOCK * 32, BLOCK * 16, BLOCK * 8};
    const int chains = count == 1 ? 4 : count == 2 ? 2 : 1; /* products in flight, to hide their latency */
    size blocks = matrix->columns / BLOCK;
    const uint8_t *data = matrix->data + group * blocks * block_bytes[kind];
    const uint16_t *scales = matrix->scales + group * blocks * (kind == INT4 ? 2 : 1) * LANES;
    for (int i = 0; i < count; i++) results[i] = (floats){0};
    for (size block = 0; block < blocks; block++) {
        floats parts[TOGETHER * 4] = {{0}};
#pragma GCC unroll 32
        for (int column = 0; column < BLOCK; column++) {
            if (column % (1 << kind) == 0) /* a cache line at a time, into the second cache */
                __builtin_prefetch(data + block * block_bytes[kind] + (column >> kind) * 64 + AHEAD, 0, 2);
            floats weights = weights_of(data + block * block_bytes[kind], column, kind);
#pragma GCC unroll 8
            for (int i = 0; i < count; i++)
                parts[i * chains + column % chains] += weights * inputs[i * stride + block * BLOCK + column];
        }
#pragma GCC unroll 8
        for (int i = 0; i < count; i++) {
            floats part = parts[i * chains];
#pragma GCC unroll 4
            for (int chain = 1; chain < chains; chain++) part += parts[i * chains + chain];
            if (kind == INT8) {
                results[i] += part * (from_half(scales + block * LANES) * 0x1p-24f);
            } else if (kind == INT4) {
                floats scale = from_half(scales + block * 2 * LANES);
                floats middle = from_half(scales + (block * 2 + 1) * LANES) + scale * 8.0f;
                results[i] += part * scale + middle * sums[i * blocks + block];
            } else
                results[i] += part;
        }
    }
}

#define OF_KIND(kind)                                                                                        \
    case kind:                                                                                               \
        switch (count) {                                                                                     \
        case 1: sixteen_rows(matrix, group, inputs, stride, sums, results, 1, kind); break;                  \
        case 2: sixteen_rows(matrix, group, inputs, stride, sums, results, 2, kind); break;                  \
        case 4: sixteen_rows(matrix, group, inputs, stride, sums, results, 4, kind); break;                  \
        default: sixteen_rows(matrix, group, inputs, stride, sums, results, TOGETHER, kind);                 \
        }                                                                                                    \
        break;

/* count: 1, 2, 4 or 8. */
static void of_its_kind(const Matrix *matrix, size group, const float *inputs, size stride, const float *sums,
                        floats *results, size count) {
    switch (matrix->kind) {
        OF_KIND(FP32)
        OF_KIND(BF16)
        OF_KIND(INT8)
        OF_KIND(INT4)
    }
}

/* inputs: (count, columns padded to blocks), zeros in the padding; outputs: (count, rows of all parts), added to what is
   there if `adds`. */
static void product(const Linear *linear, const float *inputs, float *outputs, size count, size adds) {
    size stride = linear->parts[0].columns, blocks = stride / BLOCK, rows = 0, groups = 0;
    for (int i = 0; i < 3; i++) {
        rows += linear->parts[i].rows;
        groups += padded(linear->parts[i].rows, LANES) / LANES;
    }
    float sums[count * blocks];
    for (size block = 0; block < count * blocks; block++) {
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (size i = 0; i < BLOCK; i++) sum += inputs[block * BLOCK + i];
        sums[block] = sum;
    }
#pragma omp parallel for schedule(static)
    for (size every = 0; every < groups; every++) {
        const Matrix *matrix = linear->parts;
        size group = every, first = 0;
        for (; group >= padded(matrix->rows, LANES) / LANES; matrix++) {
            group -= padded(matrix->rows, LANES) / LANES;
            first += matrix->rows;
        }
        size left = matrix->rows - group * LANES, here = left < LANES ? left : LANES;
        first += group * LANES;
        for (size begin = 0, now = TOGETHER; begin < count; begin += now) {
            while (now > count - begin) now /= 2;
            floats results[TOGETHER];
            of_its_kind(matrix, group, inputs + begin * stride, stride, sums + begin * blocks, results, now);
            for (size i = 0; i < now; i++) {
                float *output = outputs + (begin + i) * rows + first;
                for (size lane = 0; lane < here; lane++)
                    output[lane] = results[i][lane] + (linear->bias ? linear->bias[first + lane] : 0.0f) +
                                   (adds ? output[lane] : 0.0f);
            }
        }
    }
}

static void normalize(const Norm *norm, const float *inputs, float *outputs, size count) {
    float mean = 0.0f, square = 0.0f;
    if (norm->bias) {
#pragma omp simd reduction(+ : mean)
        for (size i = 0; i < count; i++) mean += inputs[i];
        mean /= count;
    }
#pragma omp simd reduction(+ : square)
    for (size i = 0; i < count; i++) square += (inputs[i] - mean) * (inputs[i] - mean);
    float scale = 1.0f / sqrtf(square / count + norm->epsilon);
#pragma omp simd
    for (size i = 0; i < count; i++)
        outputs[i] = (inputs[i] - mean) * scale * norm->weight[i] + (norm->bias ? norm->bias[i] : 0.0f);
}

/* The two halves of a head are the two coordinates. */
static void rotate_head(float *head, const float *cosine, const float *sine, size half) {
#pragma omp simd
    for (size i = 0; i < half; i++) {
        float a = head[i], b = head[half + i];
        head[i] = a * cosine[i] - b * sine[i];
        head[half + i] = b * cosine[half + i] + a * sine[half + i];
    }
}

/* The sum of `count` rows of sixteen or more columns, each times a factor. */
inlined void mix(const float *factors, const float *rows, size stride, size count, float *result, const int vectors) {
    floats sums[4] = {{0}};
    for (size row = 0; row < count; row++)
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) sums[i] += *(const floats *)(rows + row * stride + i * LANES) * factors[row];
    for (int i = 0; i < vectors; i++) *(floats *)(result + i * LANES) = sums[i];
}

/* One head of one token. keys: (room / 16, head size, 16); values: (room, width), width being the head size in whole
   vectors; visible: tokens to look at. */
static void attend(const float *query, const float *keys, const float *values, float *output, size head_size, size width,
                   size visible, float scaling) {
    float scores[padded(visible, LANES)], mixed[width], largest = -INFINITY, sum = 0.0f;
    for (size block = 0; block < visible; block += LANES) {
        floats chains[2] = {{0}};
        for (size i = 0; i < head_size; i++) chains[i % 2] += *(const floats *)(keys + block * head_size + i * LANES) * query[i];
        *(floats *)(scores + block) = (chains[0] + chains[1]) * scaling;
    }
#pragma omp simd reduction(max : largest)
    for (size i = 0; i < visible; i++) largest = scores[i] > largest ? scores[i] : largest;
#pragma omp simd reduction(+ : sum)
    for (size i = 0; i < visible; i++) sum += scores[i] = exponential(scores[i] - largest);
    size done = 0;
    for (; done + 4 * LANES <= width; done += 4 * LANES) mix(scores, values + done, width, visible, mixed + done, 4);
    for (; done < width; done += LANES) mix(scores, values + done, width, visible, mixed + done, 1);
    for (size i = 0; i < head_size; i++) output[i] = mixed[i] / sum;
}

inlined float activate(float x, size activation) {
    if (activation == SILU) return x / (1.0f + exponential(-x));
    if (activation == GELU) return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    float inner = 0.79788456f * (x + 0.044715f * x * x * x);
    return x - x / (1.0f + exponential(2.0f * inner)); /* 0.5 x (1 + tanh(inner)) */
}

#define ACTIVATE(kind)                                                                                       \
    case kind:                                                                                               \
        _Pragma("omp simd") for (size i = 0; i < count; i++) output[i] =                                     \
            activate(gate[i], kind) * (up ? up[i] : 1.0f);                                                   \
        break;

static void feed(const float *gate, const float *up, float *output, size count, size activation) {
    switch (activation) {
        ACTIVATE(SILU)
        ACTIVATE(GELU_TANH)
        ACTIVATE(GELU)
    }
}

/* hidden: embedded tokens, (count, hidden size), used up; cosine, sine: (count, head size) or NULL; keys: (layers,
   key and value heads, room / 16, head size, 16) and values: (layers, key and value heads, room, width), which hold
   `length` tokens and get these; logits: of the last `wanted` tokens, (wanted, vocabulary). Returns 0 without memory. */
int decode(const Model *model, float *hidden, const float *cosine, const float *sine, float *keys, float *values,
           float *logits, size room, size length, size count, size wanted) {
    size heads = model->heads, shared = model->key_value_heads, head_size = model->head_size;
    size hidden_size = model->hidden_size, inner_size = model->inner_size, width = padded(head_size, LANES);
    size joint_size = (heads + 2 * shared) * head_size, up_size = inner_size * (model->gated ? 2 : 1);
    size hidden_stride = padded(hidden_size, BLOCK), mixed_stride = padded(heads * head_size, BLOCK);
    size inner_stride = padded(inner_size, BLOCK);
    float *normed = calloc(count * (hidden_stride + joint_size + mixed_stride + up_size + inner_stride), sizeof(float));
    if (!normed) return 0;
    float *joint = normed + count * hidden_stride, *mixed = joint + count * joint_size;
    float *up = mixed + count * mixed_stride, *inner = up + count * up_size;
    for (size number = 0; number < model->layer_count; number++) {
        const Layer *layer = model->layers + number;
        float *layer_keys = keys + number * shared * room * head_size, *layer_values = values + number * shared * room * width;
        for (size i = 0; i < count; i++)
            normalize(&layer->attention_norm, hidden + i * hidden_size, normed + i * hidden_stride, hidden_size);
        product(&layer->query_key_value, normed, joint, count, 0);
        for (size i = 0; i < count; i++) {
            size position = length + i;
            for (size head = 0; head < heads + shared; head++) {
                float *row = joint + i * joint_size + head * head_size;
                const Norm *norm = head < heads ? &layer->query_norm : &layer->key_norm;
                if (norm->weight) normalize(norm, row, row, head_size);
                if (cosine) rotate_head(row, cosine + i * head_size, sine + i * head_size, head_size / 2);
            }
            for (size head = 0; head < shared; head++) {
                const float *key = joint + i * joint_size + (heads + head) * head_size, *value = key + shared * head_size;
                float *place = layer_keys + head * room * head_size + position / LANES * LANES * head_size + position % LANES;
                for (size j = 0; j < head_size; j++) place[j * LANES] = key[j];
                memcpy(layer_values + (head * room + position) * width, value, head_size * sizeof(float));
            }
        }
#pragma omp parallel for schedule(static)
        for (size each = 0; each < heads * count; each++) {
            size i = each / heads, head = each % heads, of = head / (heads / shared);
            attend(joint + i * joint_size + head * head_size, layer_keys + of * room * head_size,
                   layer_values + of * room * width, mixed + i * mixed_stride + head * head_size, head_size, width,
                   length + i + 1, layer->attention_scale);
        }
        product(&layer->attention_output, mixed, hidden, count, 1);
        for (size i = 0; i < count; i++)
            normalize(&layer->feed_forward_norm, hidden + i * hidden_size, normed + i * hidden_stride, hidden_size);
        product(&layer->up, normed, up, count, 0);
        for (size i = 0; i < count; i++) {
            const float *gate = up + i * up_size;
            feed(gate, model->gated ? gate + inner_size : 0, inner + i * inner_stride, inner_size, model->activation);
        }
        product(&layer->down, inner, hidden, count, 1);
    }
    for (size i = 0; i < wanted; i++)
        normalize(&model->final_norm, hidden + (count - wanted + i) * hidden_size, normed + i * hidden_stride, hidden_size);
    if (wanted) product(&model->head, normed, logits, wanted, 0);
    free(normed);
    return 1;
}
