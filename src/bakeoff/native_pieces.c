/* Number the pieces of texts between white space, in order of first occurrence. data/pieces.py calls this. */

#include "native.h"

#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte of a piece is the lowest of a number");

/* Most pieces have at most 8 bytes, so that one line of the cache tells whether they are known. */
typedef struct {
    uint64_t head;   /* the first 8 bytes, then zeros */
    uint32_t length; /* 0: an empty slot */
    int32_t id;
} Slot;

typedef struct {
    Slot *slots;
    size mask;    /* slots - 1 */
    char *bytes;  /* of all distinct pieces, one after the other */
    size *starts; /* of each in `bytes`, and the end of the last */
    size count, byte_room, room;
    uint64_t seed;
} Table;

void table_free(Table *table) {
    if (!table) return;
    free(table->slots);
    free(table->bytes);
    free(table->starts);
    free(table);
}

/* NULL: there is no memory. */
Table *table_new(uint64_t seed) {
    Table *table = calloc(1, sizeof(Table));
    if (!table) return NULL;
    *table = (Table){.mask = (1 << 12) - 1, .byte_room = 1 << 15, .room = 1 << 11, .seed = seed};
    table->slots = calloc(table->mask + 1, sizeof(Slot));
    table->bytes = malloc(table->byte_room);
    table->starts = calloc(table->room, sizeof(size));
    if (table->slots && table->bytes && table->starts) return table;
    table_free(table);
    return NULL;
}

size table_count(const Table *table) { return table->count; }
size table_bytes(const Table *table) { return table->starts[table->count]; }

/* bytes: (table_bytes); offsets: (table_count + 1). */
void table_read(const Table *table, char *bytes, size *offsets) {
    memcpy(bytes, table->bytes, table_bytes(table));
    memcpy(offsets, table->starts, (table->count + 1) * sizeof(size));
}

static uint64_t head_of(const char *piece, size length) {
    uint64_t head = 0;
    memcpy(&head, piece, length < 8 ? length : 8);
    return head;
}

static uint64_t mixed(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ (hash >> 32);
}

static uint64_t hash_of(const Table *table, uint64_t head, const char *piece, size length) {
    uint64_t hash = mixed(mixed(table->seed, (uint64_t)length), head);
    for (size at = 8; at < length; at += 8) hash = mixed(hash, head_of(piece + at, length - at));
    return hash;
}

/* Half of the slots stay empty, so that a search soon ends. */
static int grow(Table *table) {
    size mask = 2 * table->mask + 1;
    Slot *slots = calloc(mask + 1, sizeof(Slot));
    if (!slots) return 0;
    for (size i = 0; i <= table->mask; i++) {
        Slot slot = table->slots[i];
        if (!slot.length) continue;
        size at = hash_of(table, slot.head, table->bytes + table->starts[slot.id], slot.length) & mask;
        while (slots[at].length) at = (at + 1) & mask;
        slots[at] = slot;
    }
    free(table->slots);
    table->slots = slots;
    table->mask = mask;
    return 1;
}

static int reserve(void **block, size *room, size needed, size width) {
    if (needed <= *room) return 1;
    void *moved = realloc(*block, 2 * needed * width);
    if (!moved) return 0;
    *block = moved;
    *room = 2 * needed;
    return 1;
}

/* The number of a piece, which is added if it is new; -1: there is no memory. */
static size number(Table *table, const char *piece, size length, uint64_t head) {
    size at = hash_of(table, head, piece, length) & table->mask;
    for (; table->slots[at].length; at = (at + 1) & table->mask) {
        Slot slot = table->slots[at];
        if (slot.head != head || slot.length != length) continue;
        if (length <= 8 || !memcmp(table->bytes + table->starts[slot.id], piece, length)) return slot.id;
    }
    size id = table->count, end = table_bytes(table) + length;
    if (id == INT32_MAX || length > UINT32_MAX) return -1;
    if (!reserve((void **)&table->bytes, &table->byte_room, end, 1)) return -1;
    if (!reserve((void **)&table->starts, &table->room, id + 2, sizeof(size))) return -1;
    memcpy(table->bytes + table->starts[id], piece, length);
    table->slots[at] = (Slot){head, (uint32_t)length, (int32_t)id};
    table->starts[id + 1] = end;
    table->count = id + 1;
    return 2 * table->count > table->mask && !grow(table) ? -1 : id;
}

/* text: (offsets[texts]) and 8 bytes more, UTF-8; ids: room for a number for every second byte of each text, rounded up;
   counts: (texts), the pieces of each. Returns how many there are in all; -1: there is no memory. */
size table_add(Table *table, const char *text, const size *offsets, size texts, int32_t *ids, size *counts) {
    size length = offsets[texts], count = 0;
    unsigned char *white = malloc(length + 8); /* 1: white space */
    if (!white) return -1;
    for (size i = 0; i < length; i++) white[i] = (text[i] == ' ') | ((unsigned char)(text[i] - '\t') < 5);
    memset(white + length, 1, 8);
    for (size i = 0; i < texts; i++) {
        size before = count, at = offsets[i], end = offsets[i + 1];
        while (1) {
            while (at < end && white[at]) at++;
            if (at >= end) break;
            size start = at;
            uint64_t eight = 0; /* most pieces end within one read */
            while (at < end && (memcpy(&eight, white + at, 8), !eight)) at += 8;
            if (eight) at += __builtin_ctzll(eight) / 8;
            at = at < end ? at : end; /* white space may come in a later text only */
            uint64_t head;
            memcpy(&head, text + start, 8);
            if (at - start < 8) head &= ((uint64_t)1 << 8 * (at - start)) - 1;
            size id = number(table, text + start, at - start, head);
            if (id < 0) {
                free(white);
                return -1;
            }
            ids[count++] = (int32_t)id;
        }
        counts[i] = count - before;
    }
    free(white);
    return count;
}

/* Put in place of each piece the words that it consists of. pieces: (offsets[texts]); words: (word_offsets[all distinct
   pieces]); ids: (all words), or NULL; found: (texts + 1), where the words of each begin. Returns how many there are. */
size spell(const int32_t *pieces, const size *offsets, size texts, const int32_t *words, const size *word_offsets,
           int32_t *ids, size *found) {
    size count = 0;
    for (size i = 0; i < texts; i++) {
        found[i] = count;
        for (size piece = offsets[i]; piece < offsets[i + 1]; piece++) {
            size start = word_offsets[pieces[piece]], end = word_offsets[pieces[piece] + 1];
            if (ids)
                for (size word = start; word < end; word++) ids[count + word - start] = words[word];
            count += end - start;
        }
    }
    found[texts] = count;
    return count;
}
