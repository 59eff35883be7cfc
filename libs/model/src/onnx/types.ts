/** Numbers of the ONNX format that have names (TensorProto.DataType and AttributeProto.AttributeType). */

export const DataType = { FLOAT: 1, INT16: 5, INT32: 6, INT64: 7, BOOL: 9 } as const
export type DataType = (typeof DataType)[keyof typeof DataType]

export const AttributeType = { FLOAT: 1, INT: 2, STRING: 3, GRAPH: 5, FLOATS: 6, INTS: 7 } as const

export const DataLocation = { DEFAULT: 0, EXTERNAL: 1 } as const

/** ONNX IR and operator-set versions that the graphs declare: the newest that every ONNX Runtime since 1.17 reads. */
export const IR_VERSION = 9
export const OPSET_VERSION = 17

/** Operators of ONNX Runtime's own set (FusedMatMul, QuickGelu), which all its providers carry. */
export const MICROSOFT_DOMAIN = 'com.microsoft'
