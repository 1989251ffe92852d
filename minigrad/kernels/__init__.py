"""The few loops that decide speed: arrays in, arrays out, no Tensor. Any of them may be replaced by a faster one."""
