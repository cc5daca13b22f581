/* Trigonometric and hyperbolic operators as maps of what the PEs have.
 *
 * sin, cos, tan: x = k pi/2 + r with |r| <= pi/4. pi/2 is split in three parts, the first two so short that k times
 * them is exact up to |x| = 8192; sin r and cos r are minimax polynomials (of the family of Cephes), k mod 4 chooses.
 * Beyond 8192 digits are lost, as the operators' restriction says. asin: a polynomial up to 1/2, else pi/2 - 2
 * asin(sqrt((1 - x) / 2)); acos near 1 the second term alone. atan: three ranges, x, (x - 1) / (x + 1) about pi/4, -1 /
 * x about pi/2, by a polynomial. sinh, asinh, atanh work on |x| and give the sign back; exp(x) - 1 and log(1 + u) as in
 * unary.c. */
#include "frontend/convert.h"

static wfc_status unary(wfc_fe_ctx *c, wfc_fe_node *n, const char *expr) {
    wfc_value x, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_map(c, n, expr, &x, 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

#define TRIG(suffix, name, since, restrictions, expr)                                                                  \
    static wfc_status convert_##suffix(wfc_fe_ctx *c, wfc_fe_node *n) {                                                \
        return unary(c, n, expr);                                                                                      \
    }                                                                                                                  \
    const wfc_fe_op wfc_fe_op_##suffix = {                                                                             \
        {"", name, since, WFC_FE_NEWEST_OPSET, restrictions}, 1, 1, 1, 0, "", convert_##suffix, WFC_FE_FLOATS};

/* t0 = k, t1 = r, t2 = r^2, t3 = k mod 4, t4 = sin r, t5 = cos r */
#define REDUCED                                                                                                        \
    "t0=round(mul(a,0.63661977236758134)); "                                                                           \
    "t1=sub(sub(sub(a,mul(t0,1.5703125)),mul(t0,4.8375129699707031e-4)),mul(t0,7.5497899548918821e-8)); "              \
    "t2=mul(t1,t1); "                                                                                                  \
    "t3=sub(t0,mul(4,floor(mul(t0,0.25)))); "                                                                          \
    "t4=add(t1,mul(mul(t1,t2),add(-1.6666654611e-1,mul(t2,add(8.3321608736e-3,mul(t2,-1.9515295891e-4)))))); "         \
    "t5=add(sub(1,mul(0.5,t2)),mul(mul(t2,t2),add(4.166664568298827e-2,mul(t2,add(-1.388731625493765e-3,"              \
    "mul(t2,2.443315711809948e-5)))))); "

TRIG(sin, "Sin", 7, "accurate for |x| up to 8192",
     REDUCED "select(eq(t3,0),t4,select(eq(t3,1),t5,select(eq(t3,2),neg(t4),neg(t5))))")
TRIG(cos, "Cos", 7, "accurate for |x| up to 8192",
     REDUCED "select(eq(t3,0),t5,select(eq(t3,1),neg(t4),select(eq(t3,2),neg(t5),t4)))")
TRIG(tan, "Tan", 7, "accurate for |x| up to 8192",
     REDUCED "t6=or(eq(t3,0),eq(t3,2)); div(select(t6,t4,neg(t5)),select(t6,t5,t4))")

/* t0 = |x|, t1 = whether above 1/2, t2 = argument, t3 = its square, t4 = asin of it */
#define ARC                                                                                                            \
    "t0=abs(a); t1=lt(0.5,t0); "                                                                                       \
    "t2=select(t1,sqrt(mul(0.5,sub(1,t0))),t0); t3=mul(t2,t2); "                                                       \
    "t4=add(t2,mul(mul(t2,t3),add(1.6666752422e-1,mul(t3,add(7.4953002686e-2,mul(t3,add(4.5470025998e-2,"              \
    "mul(t3,add(2.4181311049e-2,mul(t3,4.2163199048e-2))))))))));"

TRIG(asin, "Asin", 7, "", ARC " t5=select(t1,sub(1.5707963267948966,mul(2,t4)),t4); select(lt(a,0),neg(t5),t5)")
TRIG(acos, "Acos", 7, "",
     ARC " select(t1,select(lt(a,0),sub(3.1415926535897932,mul(2,t4)),mul(2,t4)),"
         "sub(1.5707963267948966,select(lt(a,0),neg(t4),t4)))")
TRIG(atan, "Atan", 7, "",
     "t0=abs(a); t1=lt(2.414213562373095,t0); t2=lt(0.4142135623730950,t0); "
     "t3=select(t1,neg(recip(t0)),select(t2,div(sub(t0,1),add(t0,1)),t0)); t4=mul(t3,t3); "
     "t5=add(t3,mul(mul(t3,t4),add(-3.33329491539e-1,mul(t4,add(1.99777106478e-1,mul(t4,add(-1.38776856032e-1,"
     "mul(t4,8.05374449538e-2)))))))); "
     "t6=add(select(t1,1.5707963267948966,select(t2,0.78539816339744831,0)),t5); select(lt(a,0),neg(t6),t6)")

TRIG(sinh, "Sinh", 9, "",
     "t0=abs(a); t1=exp(t0); t2=mul(tanh(mul(t0,0.5)),add(t1,1)); "
     "t3=select(lt(t0,1),mul(0.5,add(t2,div(t2,add(t2,1)))),mul(0.5,sub(t1,recip(t1)))); select(lt(a,0),neg(t3),t3)")
TRIG(cosh, "Cosh", 9, "", "t0=exp(abs(a)); mul(0.5,add(t0,recip(t0)))")

/* log1p of t0 as t2 */
#define LOG1P "t1=add(1,t0); t2=select(lt(t0,1),select(eq(t1,1),t0,mul(log(t1),div(t0,sub(t1,1)))),log(t1)); "
TRIG(asinh, "Asinh", 9, "",
     "t0=add(abs(a),div(mul(a,a),add(1,sqrt(add(mul(a,a),1))))); " LOG1P
     "t3=select(lt(1e8,abs(a)),add(log(abs(a)),0.69314718055994531),t2); select(lt(a,0),neg(t3),t3)")
TRIG(acosh, "Acosh", 9, "",
     "t0=add(sub(a,1),sqrt(mul(sub(a,1),add(a,1)))); " LOG1P "select(lt(1e8,a),add(log(a),0.69314718055994531),t2)")
TRIG(atanh, "Atanh", 9, "", "t0=div(mul(2,abs(a)),sub(1,abs(a))); " LOG1P "select(lt(a,0),mul(-0.5,t2),mul(0.5,t2))")
