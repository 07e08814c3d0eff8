/* gate */ typedef int gate_placeholder;
