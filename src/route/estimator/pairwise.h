// Ratings from comparisons: who was better on the same prompt, ties counting half.
//
// When to use: inside this folder. Threading: pure functions; spans are borrowed for the call.
// Ownership: none.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace swy::route {

// What model a got against model b: 1 better, 1/2 equal, 0 worse; NaN when one was not observed.
double result_of(float a, float b);

// Elo (3.4): 1 / (1 + 10^((b - a) / 400)).
double elo_expected(double a, double b);
// One battle with result `y` for a; K points are at stake.
void elo_update(double& a, double& b, double y, double k);

// Weighted wins among n models: wins[a * n + b] = weight of a's results against b.
// Strengths p with P(a beats b) = p_a / (p_a + p_b), most likely (Bradley-Terry), normalised to a
// geometric mean of 1; by minorisation-maximisation (Hunter 2004) until no strength moves by 1e-10
// of itself. `prior`: weight of a tie that every two models have on top, so that a model which
// always won has a finite strength. A model without any battle has strength 1. out.size() == n.
void bradley_terry(std::span<const double> wins, double prior, std::span<double> out);

}  // namespace swy::route
