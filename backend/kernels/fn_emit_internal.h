/* What the files fn_emit_*.c share: values, temporaries, one-line emission. */
#ifndef WFC_BACKEND_KERNELS_FN_EMIT_INTERNAL_H
#define WFC_BACKEND_KERNELS_FN_EMIT_INTERNAL_H

#include "backend/kernels/fn_emit.h"

/* A scratch vector of the expression's length; f is its descriptor as f32. */
typedef struct wfc_be_tmp {
    uint32_t array; /* UINT32_MAX: none */
    uint8_t f;
} wfc_be_tmp;
#define WFC_BE_TMP_NONE ((wfc_be_tmp){.array = UINT32_MAX, .f = WFC_OPND_NONE})

typedef enum wfc_be_val_kind { WFC_BE_VAL_OPERAND, WFC_BE_VAL_CONST, WFC_BE_VAL_TMP } wfc_be_val_kind;

typedef struct wfc_be_val {
    wfc_be_val_kind kind;
    uint8_t operand; /* OPERAND */
    float value;     /* CONST */
    wfc_be_tmp tmp;  /* TMP */
    bool boolean;    /* only 0.0 and 1.0 occur */
    bool dying;      /* TMP, and the node being emitted is its last reader: it may overwrite it */
    bool taken;      /* TMP that became the property of the node that overwrote it */
} wfc_be_val;

typedef struct wfc_be_fx {
    wfc_be_asm *a;
    uint32_t n;  /* elements */
    uint8_t dst; /* where the node's last instruction writes; WFC_OPND_NONE: into a temporary of its own */
} wfc_be_fx;

/* Emits a node. args[k] point to the operands' values. The result is x->dst, or a temporary that is returned. A
 * dying argument's temporary may be taken (wfc_be_fx_take); others must not be written. */
typedef wfc_be_tmp (*wfc_be_fn_emitter)(wfc_be_fx *x, wfc_be_val *const *args);

wfc_be_tmp wfc_be_fx_new(wfc_be_fx *x);
/* The same memory seen as i32, for exponent tricks. */
uint8_t wfc_be_fx_bits(wfc_be_fx *x, wfc_be_tmp t);
void wfc_be_fx_free(wfc_be_fx *x, wfc_be_tmp t);
/* The argument's own memory when it dies here, else a new temporary (not a copy). */
wfc_be_tmp wfc_be_fx_take(wfc_be_fx *x, wfc_be_val *v);
/* The operand byte of a value; constants are loaded now and hold for the next instruction. */
uint8_t wfc_be_fx_src(wfc_be_fx *x, const wfc_be_val *v);
/* A constant for the next instruction. */
uint8_t wfc_be_fx_k(wfc_be_fx *x, float v);
/* d = op(v, constant). */
void wfc_be_fx_vk(wfc_be_fx *x, wfc_op op, uint8_t d, const wfc_be_val *v, float k);
/* d = op(v, none), op(v, w). */
void wfc_be_fx_v1(wfc_be_fx *x, wfc_op op, uint8_t d, const wfc_be_val *v);
void wfc_be_fx_v2(wfc_be_fx *x, wfc_op op, uint8_t d, const wfc_be_val *v, const wfc_be_val *w);
/* d = op(s, constant). */
void wfc_be_fx_fk(wfc_be_fx *x, wfc_op op, uint8_t d, uint8_t s, float k);
void wfc_be_fx_bk(wfc_be_fx *x, wfc_op op, wfc_be_tmp d, wfc_be_tmp s, int32_t k); /* on bits */
/* One vector instruction of type f32; of type i32 on the bits of temporaries. */
void wfc_be_fx_f(wfc_be_fx *x, wfc_op op, uint8_t d, uint8_t s0, uint8_t s1);
void wfc_be_fx_b(wfc_be_fx *x, wfc_op op, wfc_be_tmp d, wfc_be_tmp s0, wfc_be_tmp s1);
/* The destination of a node's last instruction: x->dst or the temporary. */
uint8_t wfc_be_fx_out(const wfc_be_fx *x, wfc_be_tmp t);
/* p = c[0] + r (c[1] + r (... + r c[count-1])), by Horner; p must differ from r. */
void wfc_be_fx_horner(wfc_be_fx *x, uint8_t p, uint8_t r, const float *c, unsigned count);
/* Selects: out = mask != 0 ? yes : no, overwriting the mask; mask in temporary m, exact 0.0 or 1.0. Writes x->dst by a
 * move when there is one. */
void wfc_be_fx_select(wfc_be_fx *x, wfc_be_tmp m, uint8_t yes, uint8_t no);

/* y = p * 2^n for t = bits whose low half is n + 254, as two factors (2^n alone has no exponent field for n = 128 or
 * n < -126); t and h are overwritten, y may be p. */
void wfc_be_fx_scale(wfc_be_fx *x, uint8_t y, wfc_be_tmp p, wfc_be_tmp t, wfc_be_tmp h);
/* p = e^r for |r| <= ln2 / 2. */
void wfc_be_fx_exp_core(wfc_be_fx *x, wfc_be_tmp p, wfc_be_tmp r);
/* src = 2^e m, 2/3 <= m < 4/3, for positive finite src (subnormal too); e as a float, c is scratch. */
void wfc_be_fx_log_split(wfc_be_fx *x, const wfc_be_val *src, wfc_be_tmp m, wfc_be_tmp e, wfc_be_tmp c);
/* p = f^3 P(f) = log(1 + f) - f + f^2 / 2 for -1/3 <= f < 1/3; z = f^2. */
void wfc_be_fx_log_tail(wfc_be_fx *x, wfc_be_tmp p, wfc_be_tmp f, wfc_be_tmp z);

/* fn_emit_exp.c, fn_emit_log.c, fn_emit_pow.c, fn_emit_basic.c */
wfc_be_tmp wfc_be_fn_exp(wfc_be_fx *x, wfc_be_val *const *args);
wfc_be_tmp wfc_be_fn_tanh(wfc_be_fx *x, wfc_be_val *const *args);
wfc_be_tmp wfc_be_fn_sigmoid(wfc_be_fx *x, wfc_be_val *const *args);
wfc_be_tmp wfc_be_fn_erf(wfc_be_fx *x, wfc_be_val *const *args);
wfc_be_tmp wfc_be_fn_log(wfc_be_fx *x, wfc_be_val *const *args);
wfc_be_tmp wfc_be_fn_pow(wfc_be_fx *x, wfc_be_val *const *args);
wfc_be_fn_emitter wfc_be_fn_basic(wfc_fn fn); /* NULL: none of the basic ones */

#endif
