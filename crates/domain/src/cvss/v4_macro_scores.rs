//! The 270 macro vector scores of CVSS 4.0, FIRST's data (`cvss_lookup.js` of its calculator), in tenths.
//!
//! Copyright (c) 2023 FIRST, Red Hat, and contributors
//! SPDX-License-Identifier: BSD-2-Clause
//!
//! Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
//! following conditions are met:
//!
//! 1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
//!    disclaimer.
//! 2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the
//!    following disclaimer in the documentation and/or other materials provided with the distribution.
//!
//! THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
//! INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
//! DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
//! SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
//! SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
//! WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
//! OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

/// No such macro vector.
pub(super) const NONE: u8 = u8::MAX;

/// The score of a macro vector in tenths; [`NONE`] where there is none, a level too low included.
pub(super) fn of([c1, c2, c3, c4, c5, c6]: [usize; 6]) -> u8 {
    if c1 > 2 || c2 > 1 || c3 > 2 || c4 > 2 || c5 > 2 || c6 > 1 {
        return NONE;
    }
    SCORES[(c1 * 2 + c2) * 3 + c3][(c4 * 3 + c5) * 2 + c6]
}

/// A row for classes 1 to 3, its columns for classes 4 to 6, the last one fastest.
static SCORES: [[u8; 18]; 18] = [
    // 000
    [100, 99, 98, 95, 95, 92, 100, 96, 93, 87, 91, 81, 93, 90, 89, 80, 81, 68],
    // 001
    [98, 95, 95, 92, 90, 84, 93, 92, 89, 81, 81, 65, 88, 80, 78, 70, 69, 48],
    // 002
    [NONE, 92, NONE, 82, NONE, 72, NONE, 79, NONE, 69, NONE, 50, NONE, 69, NONE, 55, NONE, 27],
    // 010
    [99, 97, 95, 92, 92, 85, 95, 91, 90, 83, 84, 71, 92, 81, 82, 71, 72, 53],
    // 011
    [95, 93, 92, 85, 85, 73, 92, 82, 80, 72, 70, 59, 84, 70, 71, 52, 50, 30],
    // 012
    [NONE, 86, NONE, 75, NONE, 52, NONE, 71, NONE, 52, NONE, 29, NONE, 63, NONE, 29, NONE, 17],
    // 100
    [98, 95, 94, 87, 91, 81, 94, 89, 86, 74, 77, 64, 87, 75, 74, 63, 63, 49],
    // 101
    [94, 89, 88, 77, 76, 67, 86, 76, 74, 58, 59, 50, 72, 57, 57, 52, 52, 25],
    // 102
    [NONE, 83, NONE, 70, NONE, 54, NONE, 65, NONE, 58, NONE, 26, NONE, 53, NONE, 21, NONE, 13],
    // 110
    [95, 90, 88, 76, 76, 70, 90, 77, 75, 62, 61, 53, 77, 66, 68, 59, 52, 30],
    // 111
    [89, 78, 76, 67, 62, 58, 74, 59, 57, 57, 47, 23, 61, 52, 57, 29, 24, 16],
    // 112
    [NONE, 71, NONE, 59, NONE, 30, NONE, 58, NONE, 26, NONE, 15, NONE, 23, NONE, 13, NONE, 6],
    // 200
    [93, 87, 86, 72, 75, 58, 86, 74, 74, 61, 56, 34, 70, 54, 52, 40, 40, 22],
    // 201
    [85, 75, 74, 55, 62, 51, 72, 57, 55, 41, 46, 19, 53, 36, 34, 19, 19, 8],
    // 202
    [NONE, 64, NONE, 51, NONE, 20, NONE, 47, NONE, 21, NONE, 11, NONE, 24, NONE, 9, NONE, 4],
    // 210
    [88, 75, 73, 53, 60, 50, 73, 55, 59, 40, 41, 20, 54, 43, 45, 22, 20, 11],
    // 211
    [75, 55, 58, 45, 40, 21, 61, 51, 48, 18, 20, 9, 46, 18, 17, 7, 8, 2],
    // 212
    [NONE, 53, NONE, 24, NONE, 14, NONE, 24, NONE, 12, NONE, 5, NONE, 10, NONE, 3, NONE, 1],
];
