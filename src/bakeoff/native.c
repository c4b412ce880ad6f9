/* Row by row in one pass what torch's operations do in several. Arithmetic is in fp32; bf16 numbers are the upper halves
   of fp32 numbers, rounded to nearest. native.py compiles this file for the processor at hand and declares the
   functions; what they compute is written beside the torch versions that they replace. */

#include "native.h"

/* inputs, outputs: (rows, columns); weight: (columns); inverse: (rows). */
void norm_forward(const bf16 *inputs, const bf16 *weight, bf16 *outputs, float *inverse, size rows, size columns,
                  float epsilon) {
#pragma omp parallel for schedule(static)
    for (size row = 0; row < rows; row++) {
        const bf16 *x = inputs + row * columns;
        bf16 *y = outputs + row * columns;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (size i = 0; i < columns; i++) sum += wide(x[i]) * wide(x[i]);
        float scale = 1.0f / sqrtf(sum / columns + epsilon);
        inverse[row] = scale;
#pragma omp simd
        for (size i = 0; i < columns; i++) y[i] = narrow(wide(x[i]) * scale * wide(weight[i]));
    }
}

/* for_weight: (parts, columns) zeros, a sum for every part of the rows, or NULL. */
void norm_backward(const bf16 *inputs, const bf16 *weight, const float *inverse, const bf16 *outer, bf16 *for_inputs,
                   float *for_weight, size parts, size rows, size columns) {
#pragma omp parallel for schedule(static)
    for (size part = 0; part < parts; part++) {
        float *sums = for_weight ? for_weight + part * columns : 0;
        for (size row = rows * part / parts; row < rows * (part + 1) / parts; row++) {
            const bf16 *x = inputs + row * columns, *g = outer + row * columns;
            bf16 *result = for_inputs + row * columns;
            float scale = inverse[row], mean = 0.0f;
#pragma omp simd reduction(+ : mean)
            for (size i = 0; i < columns; i++) mean += wide(g[i]) * wide(weight[i]) * wide(x[i]);
            mean *= scale / columns;
#pragma omp simd
            for (size i = 0; i < columns; i++)
                result[i] = narrow((wide(g[i]) * wide(weight[i]) - wide(x[i]) * scale * mean) * scale);
            if (sums)
#pragma omp simd
                for (size i = 0; i < columns; i++) sums[i] += wide(g[i]) * wide(x[i]) * scale;
        }
    }
}

/* All arrays: (count). */
void gate_forward(const bf16 *gate, const bf16 *up, bf16 *inner, size count) {
#pragma omp parallel for simd schedule(static)
    for (size i = 0; i < count; i++) {
        float g = wide(gate[i]);
        inner[i] = narrow(g / (1.0f + exponential(-g)) * wide(up[i]));
    }
}

/* outer becomes the gradient of up; inner (or NULL) gets what gate_forward computes. */
void gate_backward(const bf16 *gate, const bf16 *up, bf16 *outer, bf16 *for_gate, bf16 *inner, size count) {
#pragma omp parallel for schedule(static)
    for (size start = 0; start < count; start += 4096) {
        size end = start + 4096 < count ? start + 4096 : count;
#pragma omp simd
        for (size i = start; i < end; i++) {
            float g = wide(gate[i]), u = wide(up[i]), d = wide(outer[i]);
            float sigmoid = 1.0f / (1.0f + exponential(-g)), active = g * sigmoid;
            for_gate[i] = narrow(d * u * sigmoid * (1.0f + g - active));
            outer[i] = narrow(d * active);
        }
        if (inner)
#pragma omp simd
            for (size i = start; i < end; i++) {
                float g = wide(gate[i]);
                inner[i] = narrow(g / (1.0f + exponential(-g)) * wide(up[i]));
            }
    }
}

/* All arrays: (count); mask: 1 for values that are kept, 0 for others. */
void drop(const bf16 *values, const int8_t *mask, bf16 *outputs, size count, float factor) {
#pragma omp parallel for simd schedule(static)
    for (size i = 0; i < count; i++) outputs[i] = narrow(wide(values[i] & (bf16)-mask[i]) * factor);
}

/* All arrays: (count). */
void add(float *totals, const bf16 *values, size count) {
#pragma omp parallel for simd schedule(static)
    for (size i = 0; i < count; i++) totals[i] += wide(values[i]);
}

/* The softmax of a line of scores, but for the factor that is returned; hidden, (masked), is added to its last columns. */
static inline float softmax_line(const bf16 *x, const bf16 *hidden, float *values, size columns, size masked) {
    const bf16 *tail = x + columns - masked;
    float largest = -INFINITY, sum = 0.0f;
#pragma omp simd reduction(max : largest)
    for (size i = 0; i < columns - masked; i++) largest = wide(x[i]) > largest ? wide(x[i]) : largest;
#pragma omp simd reduction(max : largest)
    for (size i = 0; i < masked; i++) {
        float value = wide(tail[i]) + wide(hidden[i]);
        largest = value > largest ? value : largest;
    }
#pragma omp simd reduction(+ : sum)
    for (size i = 0; i < columns - masked; i++) sum += values[i] = exponential(wide(x[i]) - largest);
    float *last = values + columns - masked;
#pragma omp simd reduction(+ : sum)
    for (size i = 0; i < masked; i++) sum += last[i] = exponential(wide(tail[i]) + wide(hidden[i]) - largest);
    return 1.0f / sum;
}

/* scores: (batch, lines, columns), in place; mask: (lines / group, masked), added to the last columns of each line. */
void softmax_forward(bf16 *scores, const bf16 *mask, size batch, size lines, size columns, size masked, size group) {
#pragma omp parallel for schedule(static)
    for (size row = 0; row < batch * lines; row++) {
        bf16 *x = scores + row * columns;
        float values[columns], scale = softmax_line(x, mask + row % lines / group * masked, values, columns, masked);
#pragma omp simd
        for (size i = 0; i < columns; i++) x[i] = narrow(values[i] * scale);
    }
}

/* outer, weights: (rows, columns); mean: (rows). outer becomes (outer - mean) * weights. */
void softmax_backward(bf16 *outer, const bf16 *weights, const bf16 *mean, size rows, size columns) {
#pragma omp parallel for schedule(static)
    for (size row = 0; row < rows; row++) {
        float m = wide(mean[row]);
        bf16 *d = outer + row * columns;
        const bf16 *w = weights + row * columns;
#pragma omp simd
        for (size i = 0; i < columns; i++) d[i] = narrow((wide(d[i]) - m) * wide(w[i]));
    }
}

/* Attention of an encoder. scores: (heads, length, length), in place; hidden: (heads, length), added to each line of a
   head, or NULL. A weight gets a minus sign if its random bits, shaped as scores, say below `level` that it is dropped,
   and is 0 in `used`, also shaped as scores. Without dropout both are NULL. */
void attention_weights(bf16 *scores, const bf16 *hidden, const uint16_t *bits, bf16 *used, size heads, size length,
                       size level) {
#pragma omp parallel for schedule(static)
    for (size row = 0; row < heads * length; row++) {
        bf16 *x = scores + row * length;
        const bf16 *h = hidden ? hidden + row / length * length : 0;
        float values[length], scale = softmax_line(x, h, values, length, h ? length : 0);
        if (!bits) {
#pragma omp simd
            for (size i = 0; i < length; i++) x[i] = narrow(values[i] * scale);
            continue;
        }
        const uint16_t *b = bits + row * length;
        bf16 *kept = used + row * length;
#pragma omp simd
        for (size i = 0; i < length; i++) {
            bf16 weight = narrow(values[i] * scale), dropped = (b[i] & 0x7fff) < level ? 0x8000 : 0;
            x[i] = weight | dropped;
            kept[i] = dropped ? 0 : weight;
        }
    }
}

/* What `attention_weights` returned with dropout as weights, (rows, columns), and the mean gradient of each line, (rows).
   outer, the gradient of the weights, becomes that of the scores; used is written again. */
void attention_scores(bf16 *outer, const bf16 *weights, const bf16 *mean, bf16 *used, size rows, size columns) {
#pragma omp parallel for schedule(static)
    for (size row = 0; row < rows; row++) {
        float m = wide(mean[row]);
        bf16 *d = outer + row * columns, *kept = used + row * columns;
        const bf16 *w = weights + row * columns;
#pragma omp simd
        for (size i = 0; i < columns; i++) {
            bf16 weight = w[i] & 0x7fff, remaining = w[i] & 0x8000 ? 0 : weight;
            d[i] = narrow(wide(d[i]) * wide(remaining) - m * wide(weight));
            kept[i] = remaining;
        }
    }
}

/* numpy's SFC64 (Doty-Humphrey): states: (streams, 4), as numpy names them; outputs: (streams, count). */
void random_bits(const uint64_t *states, uint64_t *outputs, size streams, size count) {
#pragma omp parallel for schedule(static)
    for (size stream = 0; stream < streams; stream++) {
        const uint64_t *state = states + stream * 4;
        uint64_t a = state[0], b = state[1], c = state[2], counter = state[3], *output = outputs + stream * count;
        for (size i = 0; i < count; i++) {
            uint64_t drawn = a + b + counter++;
            a = b ^ (b >> 11);
            b = c + (c << 3);
            c = ((c << 24) | (c >> 40)) + drawn;
            output[i] = drawn;
        }
    }
}

/* Reads the logits of some ids, `first` and the next: (rows, columns). Running values, (rows): the largest logit so far,
   the sum of exp(logit - largest), and the logit of the target. */
void log_sum(const bf16 *logits, const size *targets, float *largest, float *sums, float *chosen, size rows,
             size columns, size first) {
#pragma omp parallel for schedule(static)
    for (size row = 0; row < rows; row++) {
        const bf16 *x = logits + row * columns;
        float before = largest[row], now = before, sum = 0.0f;
#pragma omp simd reduction(max : now)
        for (size i = 0; i < columns; i++) now = wide(x[i]) > now ? wide(x[i]) : now;
#pragma omp simd reduction(+ : sum)
        for (size i = 0; i < columns; i++) sum += exponential(wide(x[i]) - now);
        sums[row] = sums[row] * exponential(before - now) + sum;
        largest[row] = now;
        if (targets[row] >= first && targets[row] < first + columns) chosen[row] = wide(x[targets[row] - first]);
    }
}

/* logits: (rows, columns), replaced by the gradient of the loss; losses: (rows). */
void cross_entropy(bf16 *logits, const size *targets, float *losses, size rows, size columns) {
#pragma omp parallel for schedule(static)
    for (size row = 0; row < rows; row++) {
        bf16 *x = logits + row * columns;
        if (targets[row] < 0 || targets[row] >= columns) {
            losses[row] = NAN;
            continue;
        }
        float largest = -INFINITY, sum = 0.0f, target = wide(x[targets[row]]);
#pragma omp simd reduction(max : largest)
        for (size i = 0; i < columns; i++) largest = wide(x[i]) > largest ? wide(x[i]) : largest;
#pragma omp simd reduction(+ : sum)
        for (size i = 0; i < columns; i++) sum += exponential(wide(x[i]) - largest);
        losses[row] = logf(sum) + largest - target;
        float scale = 1.0f / sum, probability = exponential(target - largest) * scale;
#pragma omp simd
        for (size i = 0; i < columns; i++) x[i] = narrow(exponential(wide(x[i]) - largest) * scale);
        x[targets[row]] = narrow(probability - 1.0f);
    }
}

/* Rotary positions. inputs: (tokens, heads, 2 * half), each token `stride` after the last; cosine, sine: (tokens, half);
   outputs: (heads / group, tokens, group, 2 * half). inverse: from outputs back to inputs, turning the other way. */
void rotate(bf16 *inputs, const float *cosine, const float *sine, bf16 *outputs, size tokens, size heads, size half,
            size group, size stride, float scale, size inverse) {
#pragma omp parallel for schedule(static)
    for (size token = 0; token < tokens; token++) {
        const float *c = cosine + token * half, *s = sine + token * half;
        for (size head = 0; head < heads; head++) {
            bf16 *x = inputs + token * stride + head * 2 * half;
            bf16 *y = outputs + ((head / group * tokens + token) * group + head % group) * 2 * half;
            if (inverse)
#pragma omp simd
                for (size i = 0; i < half; i++) {
                    float a = wide(y[i]), b = wide(y[half + i]);
                    x[i] = narrow((a * c[i] + b * s[i]) * scale);
                    x[half + i] = narrow((b * c[i] - a * s[i]) * scale);
                }
            else
#pragma omp simd
                for (size i = 0; i < half; i++) {
                    float a = wide(x[i]), b = wide(x[half + i]);
                    y[i] = narrow((a * c[i] - b * s[i]) * scale);
                    y[half + i] = narrow((b * c[i] + a * s[i]) * scale);
                }
        }
    }
}

/* A step of AdamW with gradients times `factor`, and the weights rounded at random into `image`: see precision.py. The
   noise is repeated. new1, new2: 1 - beta1 and 1 - beta2; corrections: 1 - beta1^step and sqrt(1 - beta2^step). */
void adamw(float *weights, const float *gradients, float *first, float *second, bf16 *image, const int32_t *noise,
           size period, size count, float factor, float rate, float decay, float beta2, float new1, float new2,
           float epsilon, float correction1, float correction2) {
    float step = rate / correction1, kept = 1.0f - rate * decay;
#pragma omp parallel for schedule(static)
    for (size start = 0; start < count; start += period) {
        size length = count - start < period ? count - start : period;
        float *w = weights + start, *m = first + start, *v = second + start;
        const float *gradient = gradients + start;
        bf16 *rounded = image + start;
#pragma omp simd
        for (size i = 0; i < length; i++) {
            float g = gradient[i] * factor;
            m[i] += (g - m[i]) * new1;
            v[i] = v[i] * beta2 + g * g * new2;
            w[i] = w[i] * kept - step * m[i] / (sqrtf(v[i]) / correction2 + epsilon);
            int32_t bits;
            memcpy(&bits, &w[i], 4);
            rounded[i] = (bf16)((uint32_t)(bits + noise[i]) >> 16);
        }
    }
}
