export const text = "the chunk of 1.0.0";
