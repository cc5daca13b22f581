#include "model_builder.h"
#include "support/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mb {
    wfc_arena arena; /* everything that hangs on the model */
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
};

static void *get(mb *m, size_t count, size_t size) {
    void *p = wfc_arena_alloc(&m->arena, count ? count : 1, size);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(70);
    }
    return p;
}

static char *text(mb *m, const char *s) {
    char *p = get(m, strlen(s) + 1, 1);
    strcpy(p, s);
    return p;
}

/* A copy of an array of pointers with one more at its end. */
static void *append(mb *m, void *array, size_t count, void *item) {
    void **grown = get(m, count + 1, sizeof *grown);
    if (count) memcpy(grown, array, count * sizeof *grown);
    grown[count] = item;
    return grown;
}

mb *mb_new(int opset) {
    mb *m = calloc(1, sizeof *m);
    if (!m) exit(70);
    wfc_arena_init(&m->arena);
    onnx__model_proto__init(&m->model);
    onnx__graph_proto__init(&m->graph);
    m->graph.name = text(m, "g");
    m->model.graph = &m->graph;
    m->model.has_ir_version = 1;
    m->model.ir_version = 8;
    mb_opset(m, "", opset);
    return m;
}

void mb_free(mb *m) {
    wfc_arena_deinit(&m->arena);
    free(m);
}

Onnx__ModelProto *mb_model(mb *m) {
    return &m->model;
}

void mb_opset(mb *m, const char *domain, int version) {
    Onnx__OperatorSetIdProto *o = get(m, 1, sizeof *o);
    onnx__operator_set_id_proto__init(o);
    o->domain = text(m, domain);
    o->has_version = 1;
    o->version = version;
    m->model.opset_import = append(m, m->model.opset_import, m->model.n_opset_import++, o);
}

/* --- types and tensors ------------------------------------------------------------------------------------------- */

static Onnx__TensorShapeProto *shape_of(mb *m, const char *shape) {
    Onnx__TensorShapeProto *s = get(m, 1, sizeof *s);
    onnx__tensor_shape_proto__init(s);
    for (char *copy = text(m, shape), *word = strtok(copy, ","); word; word = strtok(NULL, ",")) {
        Onnx__TensorShapeProto__Dimension *d = get(m, 1, sizeof *d);
        onnx__tensor_shape_proto__dimension__init(d);
        if (strcmp(word, "?") != 0 && (*word == '-' || (*word >= '0' && *word <= '9'))) {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            d->dim_value = strtoll(word, NULL, 10);
        } else if (strcmp(word, "?") != 0) {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = word;
        }
        s->dim = append(m, s->dim, s->n_dim++, d);
    }
    return s;
}

static Onnx__ValueInfoProto *value_info(mb *m, const char *name, int type, const char *shape) {
    Onnx__ValueInfoProto *v = get(m, 1, sizeof *v);
    Onnx__TypeProto *t = get(m, 1, sizeof *t);
    Onnx__TypeProto__Tensor *tensor = get(m, 1, sizeof *tensor);
    onnx__value_info_proto__init(v);
    onnx__type_proto__init(t);
    onnx__type_proto__tensor__init(tensor);
    v->name = text(m, name);
    v->type = t;
    t->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    t->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = type;
    tensor->shape = shape_of(m, shape);
    return v;
}

void mb_input(mb *m, const char *name, int type, const char *shape) {
    m->graph.input = append(m, m->graph.input, m->graph.n_input++, value_info(m, name, type, shape));
}

void mb_output(mb *m, const char *name, int type, const char *shape) {
    m->graph.output = append(m, m->graph.output, m->graph.n_output++, value_info(m, name, type, shape));
}

/* "1,2,3" as int64; *count values. */
static int64_t *list_of(mb *m, const char *list, size_t *count) {
    int64_t *v = get(m, strlen(list) + 1, sizeof *v);
    *count = 0;
    for (char *copy = text(m, list), *word = strtok(copy, ","); word; word = strtok(NULL, ","))
        v[(*count)++] = strtoll(word, NULL, 10);
    return v;
}

static Onnx__TensorProto *tensor_of(mb *m, const char *name, int type, const char *shape) {
    Onnx__TensorProto *t = get(m, 1, sizeof *t);
    onnx__tensor_proto__init(t);
    t->name = text(m, name);
    t->has_data_type = 1;
    t->data_type = type;
    t->dims = list_of(m, shape, &t->n_dims);
    return t;
}

Onnx__TensorProto *mb_initializer(mb *m, const char *name, int type, const char *shape) {
    Onnx__TensorProto *t = tensor_of(m, name, type, shape);
    m->graph.initializer = append(m, m->graph.initializer, m->graph.n_initializer++, t);
    return t;
}

void mb_raw(mb *m, Onnx__TensorProto *t, const void *bytes, size_t size) {
    t->has_raw_data = 1;
    t->raw_data.len = size;
    t->raw_data.data = get(m, size, 1);
    if (size) memcpy(t->raw_data.data, bytes, size);
}

void mb_external(mb *m, Onnx__TensorProto *t, const char *key, const char *value) {
    Onnx__StringStringEntryProto *e = get(m, 1, sizeof *e);
    onnx__string_string_entry_proto__init(e);
    e->key = text(m, key);
    e->value = text(m, value);
    t->has_data_location = 1;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    t->external_data = append(m, t->external_data, t->n_external_data++, e);
}

static size_t elems_of(const Onnx__TensorProto *t) {
    size_t n = 1;
    for (size_t i = 0; i < t->n_dims; i++) n *= (size_t)t->dims[i];
    return n;
}

void mb_floats(mb *m, const char *name, const char *shape, const float *data) {
    Onnx__TensorProto *t = mb_initializer(m, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, shape);
    mb_raw(m, t, data, elems_of(t) * sizeof *data);
}

void mb_ints(mb *m, const char *name, const char *shape, const int64_t *data) {
    Onnx__TensorProto *t = mb_initializer(m, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, shape);
    t->n_int64_data = elems_of(t);
    t->int64_data = get(m, t->n_int64_data, sizeof *data);
    if (t->n_int64_data) memcpy(t->int64_data, data, t->n_int64_data * sizeof *data);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static char **names_of(mb *m, const char *list, size_t *count) {
    char **names = get(m, strlen(list) + 1, sizeof *names);
    *count = 0;
    for (char *copy = text(m, list), *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        names[(*count)++] = strcmp(word, "-") ? word : text(m, "");
    return names;
}

Onnx__NodeProto *mb_node(mb *m, const char *op, const char *name, const char *inputs, const char *outputs) {
    Onnx__NodeProto *n = get(m, 1, sizeof *n);
    onnx__node_proto__init(n);
    n->op_type = text(m, op);
    n->name = text(m, name);
    n->input = names_of(m, inputs, &n->n_input);
    n->output = names_of(m, outputs, &n->n_output);
    m->graph.node = append(m, m->graph.node, m->graph.n_node++, n);
    return n;
}

static Onnx__AttributeProto *attribute(mb *m, Onnx__NodeProto *n, const char *name,
                                       Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *a = get(m, 1, sizeof *a);
    onnx__attribute_proto__init(a);
    a->name = text(m, name);
    a->has_type = 1;
    a->type = type;
    n->attribute = append(m, n->attribute, n->n_attribute++, a);
    return a;
}

void mb_attr_int(mb *m, Onnx__NodeProto *n, const char *name, int64_t v) {
    Onnx__AttributeProto *a = attribute(m, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = v;
}

void mb_attr_float(mb *m, Onnx__NodeProto *n, const char *name, float v) {
    Onnx__AttributeProto *a = attribute(m, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = v;
}

void mb_attr_string(mb *m, Onnx__NodeProto *n, const char *name, const char *v) {
    Onnx__AttributeProto *a = attribute(m, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.len = strlen(v);
    a->s.data = (uint8_t *)text(m, v);
}

void mb_attr_ints(mb *m, Onnx__NodeProto *n, const char *name, const char *list) {
    Onnx__AttributeProto *a = attribute(m, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->ints = list_of(m, list, &a->n_ints);
}

void mb_attr_tensor(mb *m, Onnx__NodeProto *n, const char *name, int type, const char *shape, const void *raw,
                    size_t size) {
    Onnx__AttributeProto *a = attribute(m, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
    a->t = tensor_of(m, "", type, shape);
    mb_raw(m, a->t, raw, size);
}

uint8_t *mb_pack(mb *m, size_t *size) {
    *size = onnx__model_proto__get_packed_size(&m->model);
    uint8_t *bytes = malloc(*size + 1);
    if (!bytes) exit(70);
    onnx__model_proto__pack(&m->model, bytes);
    return bytes;
}

void mb_write(mb *m, const char *path) {
    size_t size;
    uint8_t *bytes = mb_pack(m, &size);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        exit(70);
    }
    free(bytes);
}
