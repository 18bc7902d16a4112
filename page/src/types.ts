// What travels on the wire and what the page keeps of it. ARCHITECTURE.md says what each field means.

/** A tensor as it came: raw numbers in row-major order. */
export interface Tensor {
  readonly dtype: "float32" | "uint8" | "int64";
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array | BigInt64Array;
}

export type Tensors = ReadonlyMap<string, Tensor>;

export interface WeightedSum {
  readonly kind: "weighted_sum";
  readonly input: string;
  readonly weight: string | null;
  readonly bias: string | null;
  readonly shift: string | null;
  readonly groups: number;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly divisor: "window" | "inside" | number | null;
  /** Whether input and output change places in the arithmetic of the window. */
  readonly transposed?: boolean;
}

export interface Maximum {
  readonly kind: "maximum";
  readonly input: string;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

export interface Pointwise {
  readonly kind: "pointwise";
  readonly function:
    | "add"
    | "multiply"
    | "divide"
    | "power"
    | "relu"
    | "leaky_relu"
    | "elu"
    | "selu"
    | "gelu"
    | "gelu_tanh"
    | "silu"
    | "mish"
    | "softplus"
    | "hardsigmoid"
    | "hardswish"
    | "clamp"
    | "tanh"
    | "sigmoid"
    | "exp"
    | "log"
    | "erf"
    | "abs"
    | "log_sigmoid"
    | "sign"
    | "sin"
    | "cos"
    | "multiply_add"
    | "maximum"
    | "minimum";
  readonly inputs: readonly string[];
  readonly scales: readonly number[] | null;
  readonly constant: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
}

export interface Normalisation {
  readonly kind: "normalisation";
  readonly function: "softmax" | "log_softmax";
  readonly input: string;
  readonly axis: number;
}

export interface Contraction {
  readonly kind: "contraction";
  readonly left: string;
  readonly right: string;
}

export interface Standardisation {
  readonly kind: "standardisation";
  readonly input: string;
  readonly weight: string | null;
  readonly bias: string | null;
  readonly axes: readonly number[];
  readonly groups: number;
  readonly epsilon: number;
}

export interface Reduction {
  readonly kind: "reduction";
  readonly function: "sum" | "mean" | "maximum" | "minimum" | "norm" | "variance";
  readonly input: string;
  readonly axes: readonly number[];
  readonly keep: boolean;
  readonly correction: number;
}

export interface Resampling {
  readonly kind: "resampling";
  readonly input: string;
  readonly starts: readonly (readonly number[])[];
  readonly weights: readonly string[];
}

export interface Rearrangement {
  readonly kind: "rearrangement";
  readonly how: "reshape" | "concatenate" | "stack" | "permute" | "slice" | "pad" | "strided" | "gather";
  readonly inputs: readonly string[];
  readonly axis: number | null;
  readonly axes: readonly number[] | null;
  readonly starts: readonly number[] | null;
  readonly steps: readonly number[] | null;
  /** Of a strided one: the first place, and how far each dimension steps, in the input's row-major order. */
  readonly start?: number;
  readonly strides?: readonly number[];
  /** Where no number is read: what stands there; null is minus infinity. */
  readonly fill?: number | null;
  /** Of a gathering: the key of the places that are read. */
  readonly table?: string | null;
}

export type Form =
  | WeightedSum
  | Contraction
  | Maximum
  | Pointwise
  | Normalisation
  | Standardisation
  | Reduction
  | Resampling
  | Rearrangement;

/** One operator call of a forward pass. */
export interface Call {
  readonly name: string;
  readonly module: string;
  readonly operator: string;
  readonly output: string;
  readonly form: Form | null;
  readonly reason: string | null;
}

export interface Preprocessing {
  readonly channels: number;
  readonly size: readonly [number, number];
  readonly padding: number;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  /** Pixels that the shorter side is scaled to before the middle of `size` is cut out; without it, all is scaled. */
  readonly resize?: number | null;
  readonly interpolation?: "bilinear" | "bicubic";
}

/** What the server says of each net that it holds. */
export interface NetSummary {
  readonly id: string;
  readonly title: string;
  readonly classes: readonly string[];
  readonly input_shape: readonly [number, number, number];
  readonly samples: number;
  readonly preprocessing: Preprocessing;
  readonly card: Readonly<Record<string, unknown>>;
  /** False for a trace file, which holds one image and no net to show others to. */
  readonly accepts_images: boolean;
}

export interface RunSummary {
  readonly id: string;
  readonly title: string;
  readonly net: string;
}

/** A net's calls and weights; `version` counts how often its weights changed. */
export interface Net {
  readonly id: string;
  readonly version: number;
  readonly calls: readonly Call[];
  readonly weights: Tensors;
}

/** Every activation of one forward pass, and the image that it began with. */
export interface Trace {
  readonly net: string;
  readonly version: number;
  readonly sequence: number;
  readonly milliseconds: number;
  readonly label: number | null;
  readonly activations: Tensors;
  readonly image: Tensor;
}

/** A line of a run's events.jsonl. */
export interface RunEvent {
  readonly event: "start" | "step" | "evaluation" | "checkpoint" | "resume" | "interrupted" | "end";
  readonly step?: number;
  readonly [field: string]: unknown;
}

/** One unit: a layer's name and an index into its map: channel, row, column; or one feature. The item of the batch is left out. */
export interface Unit {
  readonly layer: string;
  readonly index: readonly number[];
}
