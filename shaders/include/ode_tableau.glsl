// The tableau of an embedded Runge-Kutta method, as specialization constants: a driver folds them into the code.
// The last stage is the derivative at the end of the step, so its row of A holds the weights of the solution.
layout(constant_id = 0) const uint STAGES = 7;
layout(constant_id = 1) const float ORDER = 4.0; // of the estimate of the error
layout(constant_id = 2) const bool LINEAR = false; // the current between two samples; else it is constant
layout(constant_id = 3) const bool TIMES = false;
layout(constant_id = 4) const bool TRACE = false;
#define MOST 7 // stages
#define ENTRY(id, name) layout(constant_id = id) const float name = 0.0;
ENTRY(5, A0) ENTRY(6, A1) ENTRY(7, A2) ENTRY(8, A3) ENTRY(9, A4) ENTRY(10, A5) ENTRY(11, A6)
ENTRY(12, A7) ENTRY(13, A8) ENTRY(14, A9) ENTRY(15, A10) ENTRY(16, A11) ENTRY(17, A12) ENTRY(18, A13)
ENTRY(19, A14) ENTRY(20, A15) ENTRY(21, A16) ENTRY(22, A17) ENTRY(23, A18) ENTRY(24, A19) ENTRY(25, A20)
float A[21] = float[](A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17, A18, A19, A20);
ENTRY(26, C0) ENTRY(27, C1) ENTRY(28, C2) ENTRY(29, C3) ENTRY(30, C4) ENTRY(31, C5) ENTRY(32, C6)
float C[7] = float[](C0, C1, C2, C3, C4, C5, C6);
ENTRY(33, E0) ENTRY(34, E1) ENTRY(35, E2) ENTRY(36, E3) ENTRY(37, E4) ENTRY(38, E5) ENTRY(39, E6)
float E[7] = float[](E0, E1, E2, E3, E4, E5, E6);
ENTRY(40, P0) ENTRY(41, P1) ENTRY(42, P2) ENTRY(43, P3) ENTRY(44, P4) ENTRY(45, P5) ENTRY(46, P6)
ENTRY(47, P7) ENTRY(48, P8) ENTRY(49, P9) ENTRY(50, P10) ENTRY(51, P11) ENTRY(52, P12) ENTRY(53, P13)
ENTRY(54, P14) ENTRY(55, P15) ENTRY(56, P16) ENTRY(57, P17) ENTRY(58, P18) ENTRY(59, P19) ENTRY(60, P20)
ENTRY(61, P21) ENTRY(62, P22) ENTRY(63, P23) ENTRY(64, P24) ENTRY(65, P25) ENTRY(66, P26) ENTRY(67, P27)
float P[28] = float[](P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17, P18, P19, P20, P21, P22, P23, P24, P25, P26, P27);
