"""Method `embedding`: a frozen pretrained network, and a logistic regression on its vectors of texts."""
