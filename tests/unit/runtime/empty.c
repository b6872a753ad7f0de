/* Replaced by the first real test of this layer. */
typedef int empty_layer_test;
