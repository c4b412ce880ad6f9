"""Write a fine-tuned classifier for transformers or onnxruntime alone."""
