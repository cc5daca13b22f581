/* Well-formed instructions: what assembler, disassembler and verifier agree on. */
#ifndef WFC_PROGRAM_ISA_CHECK_H
#define WFC_PROGRAM_ISA_CHECK_H

#include "runtime/program/isa.h"

/* NULL when every byte of the instruction is as the ISA table allows, else what is wrong, for people. Bytes that mean
 * nothing must be 255 (operands) or 0 (type, imm), so one meaning has one encoding and text round-trips. Descriptor
 * kinds, ranges of the target and branch targets are the verifier's. */
const char *wfc_isa_problem(const wfc_insn *in);
/* What the operands are called in messages: kinds is WFC_OPND_IS_ bits. */
const char *wfc_isa_operand_names(unsigned kinds);
/* True for the scalar instructions whose B may be replaced by imm. */
bool wfc_isa_has_immediate_form(unsigned op);
bool wfc_isa_is_vector(const wfc_isa_record *isa); /* vector, slow and fabric timing: what may be asynchronous */
/* NULL or what is wrong with a control word. */
const char *wfc_ctl_problem(uint16_t word);

#endif
