// Values and gradients against PyTorch's: the same formula written with its operators, in double,
// differentiated by its autograd. Own program: libtorch takes a second to load, and the header is
// kept to this file.
#include <gtest/gtest.h>

// First: the others use it before they declare it, which clang minds.
#include <ATen/core/ivalue.h>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gru_cell.h>
#include <ATen/ops/special_ndtr.h>

#include "moe/balance_loss.h"
#include "moe/gradient.h"
#include "moe/router_loss.h"
#include "moe/state_routers.h"
#include "moe/testing/golden.h"

namespace swy::moe {
namespace {

using at::Tensor;
using testing::Table;

constexpr std::size_t kCases = 50;  // a case is a graph of PyTorch's, not a cheap one
constexpr double kTolerance = 1e-10;

Tensor copied(double* values, std::initializer_list<std::int64_t> shape) {
  return at::from_blob(values, at::IntArrayRef(shape.begin(), shape.size()), at::kDouble).clone();
}

Tensor leaf(Table<double>& t) {
  return copied(t.data.data(),
                {static_cast<std::int64_t>(t.rows), static_cast<std::int64_t>(t.cols)})
      .set_requires_grad(true);
}

// Ours against theirs: the value, and the gradient at the leaf.
void expect_same(double value, std::span<const double> grad, const Tensor& want,
                 const Tensor& input) {
  EXPECT_NEAR(value, want.item().toDouble(), kTolerance);
  want.backward();
  const Tensor theirs = input.grad().contiguous();
  ASSERT_EQ(static_cast<std::size_t>(theirs.numel()), grad.size());
  for (std::size_t i = 0; i < grad.size(); ++i)
    EXPECT_NEAR(grad[i], theirs.data_ptr<double>()[i], kTolerance) << "at " << i;
}

struct Case {
  base::Rng rng;
  std::size_t rows, cols, k;
  Table<double> p;

  explicit Case(std::uint64_t id, bool probabilities)
      : rng(131, id, 0),
        rows(2 + rng.below(6)),
        cols(3 + rng.below(6)),
        k(1 + rng.below(cols - 1)),
        p(testing::random_table(rng, rows, cols)) {
    for (std::size_t t = 0; probabilities && t < rows; ++t)
      softmax(p.view().row(t), p.view().row(t));
  }
};

TEST(Autograd, AgreesOnSwitchBalance) {
  for (std::size_t i = 0; i < kCases; ++i) {
    Case c(i, true);
    Table<std::int32_t> chosen(c.rows, c.k);
    Table<double> count(1, c.cols);
    for (std::size_t t = 0; t < c.rows; ++t) {
      largest(c.p.view().row(t), chosen.view().row(t));
      for (const std::int32_t e : chosen.view().row(t))
        count.data[static_cast<std::size_t>(e)] += 1;
    }
    Table<double> grad(c.rows, c.cols);
    std::vector<double> scratch(2 * c.cols);
    const BalanceLayer layer{c.p.view(), chosen.view(), grad.view()};
    const double value = balance_loss({&layer, 1}, c.k, 1, scratch);
    const Tensor p = leaf(c.p);
    const Tensor f = copied(count.data.data(), {static_cast<std::int64_t>(c.cols)}) /
                     static_cast<double>(c.rows * c.k);
    expect_same(value, grad.data, (f * p.mean(0)).sum() * static_cast<double>(c.cols), p);
  }
}

TEST(Autograd, AgreesOnCvAndZLossAndKl) {
  for (std::size_t i = 0; i < kCases; ++i) {
    Case c(i, true);
    for (const Variance v : {Variance::kPopulation, Variance::kSample}) {
      Table<double> load(1, c.cols);
      for (double& x : load.data) x = .1 + c.rng.uniform();
      std::vector<double> grad(c.cols);
      const double value = cv_squared(load.data, v, 1, grad);
      const Tensor x = leaf(load);
      const Tensor mean = x.mean();
      expect_same(value, grad, x.var(v == Variance::kSample) / (mean * mean), x);
    }
    Table<double> grad(c.rows, c.cols);
    const double value = z_loss(c.p.view(), 1, grad.view());
    const Tensor z = leaf(c.p);
    expect_same(value, grad.data, z.logsumexp(1).square().mean(), z);
    Table<double> kl(c.rows, c.cols);
    std::vector<double> scratch(c.cols);
    const double divergence = kl_to_uniform(c.p.view(), 1, scratch, kl.view());
    const Tensor p = leaf(c.p);
    const Tensor mean = p.mean(0);
    expect_same(divergence, kl.data, (mean * (mean * static_cast<double>(c.cols)).log()).sum(), p);
  }
}

TEST(Autograd, AgreesOnNoisyLoad) {
  for (std::size_t i = 0; i < kCases; ++i) {
    Case c(i, false);
    Table<double> noisy(1, c.cols);
    Table<double> clean(1, c.cols);
    Table<double> sd(1, c.cols);
    Table<double> weight(1, c.cols);
    for (std::size_t j = 0; j < c.cols; ++j) {
      clean.data[j] = normal(c.rng);
      noisy.data[j] = normal(c.rng);
      sd.data[j] = .3 + c.rng.uniform();
      weight.data[j] = normal(c.rng);
    }
    std::vector<double> load(c.cols);
    std::vector<double> gc(c.cols);
    std::vector<double> gn(c.cols);
    std::vector<double> gs(c.cols);
    EXPECT_TRUE(noisy_load(clean.data, noisy.data, sd.data, c.k, load).ok());
    EXPECT_TRUE(
        noisy_load_backward(clean.data, noisy.data, sd.data, c.k, weight.data, {gc, gn, gs}).ok());
    const Tensor tc = leaf(clean);
    const Tensor tn = leaf(noisy);
    const Tensor ts = leaf(sd);
    const auto k = static_cast<std::int64_t>(c.k);
    const Tensor top = std::get<0>(tn.topk(k + 1, 1));
    const Tensor kth = top.select(1, k - 1).unsqueeze(1);
    const Tensor next = top.select(1, k).unsqueeze(1);
    const Tensor inside = tn.ge(kth).to(at::kDouble);
    const Tensor bar = inside * next + (1 - inside) * kth;
    const Tensor phi = at::special_ndtr((tc - bar) / ts);
    const Tensor want =
        (phi * copied(weight.data.data(), {1, static_cast<std::int64_t>(c.cols)})).sum();
    expect_same(inner(load, weight.data), gc, want, tc);
    const Tensor tng = tn.grad();
    const Tensor tsg = ts.grad();
    for (std::size_t j = 0; j < c.cols; ++j) {
      EXPECT_NEAR(gn[j], tng.data_ptr<double>()[j], kTolerance);
      EXPECT_NEAR(gs[j], tsg.data_ptr<double>()[j], kTolerance);
    }
  }
}

TEST(Autograd, AgreesOnEntropies) {
  for (std::size_t i = 0; i < kCases; ++i) {
    Case c(i, true);
    const auto shannon = [](const Tensor& p, std::int64_t dim) { return -(p * p.log()).sum(dim); };
    Table<double> mean(c.rows, c.cols);
    const double a = mean_entropy(c.p.view(), 1, 1, mean.view());
    Tensor p = leaf(c.p);
    expect_same(a, mean.data, shannon(p, 1).mean(), p);
    Table<double> tsallis(c.rows, c.cols);
    const double b = mean_entropy(c.p.view(), 1.1, 1, tsallis.view());
    p = leaf(c.p);
    expect_same(b, tsallis.data, ((1 - p.pow(1.1).sum(1)) / .1).mean(), p);
    Table<double> of_mean(c.rows, c.cols);
    std::vector<double> scratch(2 * c.cols);
    const double d = entropy_of_mean(c.p.view(), 1, 1, scratch, of_mean.view());
    p = leaf(c.p);
    expect_same(d, of_mean.data, shannon(p.mean(0), 0), p);
    Table<double> lock(c.rows, c.cols);
    const double e = entropy_lock(c.p.view(), c.k, 1, lock.view());
    p = leaf(c.p);
    expect_same(e, lock.data, (shannon(p, 1) - std::log(static_cast<double>(c.k))).square().mean(),
                p);
  }
}

TEST(Autograd, AgreesOnErcAndRoma) {
  for (std::size_t i = 0; i < kCases; ++i) {
    Case c(i, true);
    Table<double> m = testing::random_table(c.rng, c.cols, c.cols);
    Table<double> grad(c.cols, c.cols);
    const double erc = erc_loss(m.view(), .7, 1, grad.view());
    const Tensor tm = leaf(m);
    const Tensor own = tm.diagonal() * .7;
    const Tensor off = 1 - tm.detach().new_ones({static_cast<std::int64_t>(c.cols)}).diag();
    const Tensor rows = ((tm - own.unsqueeze(1)).relu() * off).sum();
    const Tensor cols = ((tm - own.unsqueeze(0)).relu() * off).sum();
    expect_same(erc, grad.data, (rows + cols) / static_cast<double>(c.cols * c.cols), tm);
    Table<double> r = testing::random_table(c.rng, 1, c.cols);
    Table<double> w(c.rows, 1);
    for (double& v : w.data) v = .1 + c.rng.uniform();
    std::vector<double> gr(c.cols);
    const double roma = manifold_loss(r.data, c.p.view(), w.data, 1, gr);
    const Tensor tr = leaf(r);
    const Tensor tw = leaf(w).detach();
    const Tensor distance = (tr - leaf(c.p).detach()).square().sum(1, true);
    expect_same(roma, gr, (tw / tw.sum() * distance).sum(), tr);
  }
}

TEST(Autograd, AgreesOnStraightThroughAndSparseMixer) {
  for (std::size_t i = 0; i < kCases; ++i) {
    Case c(i, false);
    Table<double> z = testing::random_table(c.rng, 1, c.cols);
    Table<double> g = testing::random_table(c.rng, 1, c.cols);
    std::vector<double> p(c.cols);
    std::vector<double> dz(c.cols);
    softmax(z.data, p);
    EXPECT_TRUE(straight_through(p, g.data, dz).ok());
    std::vector<double> hard(c.cols);
    hard[best_of(z.data)] = 1;
    const Tensor tz = leaf(z);
    const Tensor soft = tz.softmax(1);
    // The usual form: hard + soft - stop_gradient(soft).
    const Tensor th = copied(hard.data(), {1, static_cast<std::int64_t>(c.cols)});
    const Tensor loss = ((th + soft - soft.detach()) * leaf(g).detach()).sum();
    expect_same(inner(hard, g.data), dz, loss, tz);

    for (double& v : z.data) v = 1 + .01 * v;
    base::Rng draw(132, i, 0);
    const SparseMixerPick pick = sparsemixer_pick(z.data, {}, .01, &draw, p);
    std::vector<double> ds(c.cols);
    EXPECT_TRUE(sparsemixer_backward(pick, p, 1, ds).ok());
    Table<double> mask(1, c.cols);
    for (std::size_t j = 0; j < c.cols; ++j) mask.data[j] = p[j] > 0 ? 0 : -1e300;
    const Tensor ts = leaf(z);
    expect_same(pick.probability, ds,
                (ts + leaf(mask).detach()).softmax(1).select(1, pick.expert).sum(), ts);
  }
}

TEST(Autograd, AgreesOnOrderedSamples) {
  for (std::size_t i = 0; i < kCases; ++i) {
    Case c(i, false);
    Table<double> z = testing::random_table(c.rng, 1, c.cols);
    std::vector<std::int32_t> id(c.k);
    EXPECT_TRUE(sample_in_order(z.data, c.rng, id).ok());
    std::vector<double> dz(c.cols);
    const double value = log_probability_in_order(z.data, id, 1, dz);
    const Tensor tz = leaf(z);
    Table<double> gone(1, c.cols);
    Tensor want = tz.select(1, id[0]).sum() * 0;
    for (const std::int32_t e : id) {
      want = want + ((tz + leaf(gone).detach()).log_softmax(1)).select(1, e).sum();
      gone.data[static_cast<std::size_t>(e)] = -1e300;
    }
    expect_same(value, dz, want, tz);
  }
}

Tensor floats(Table<float>& t) {
  return at::from_blob(t.data.data(),
                       {static_cast<std::int64_t>(t.rows), static_cast<std::int64_t>(t.cols)},
                       at::kFloat);
}

TEST(PyTorch, HasTheSameRecurrentCell) {
  for (std::size_t i = 0; i < kCases; ++i) {
    base::Rng rng(133, i, 0);
    const std::size_t in = 1 + rng.below(5);
    const std::size_t n = 1 + rng.below(5);
    Table<float> wi(3 * n, in);  // PyTorch's order: r, z, n
    Table<float> wh(3 * n, n);
    Table<float> bi(1, 3 * n);
    Table<float> bh(1, 3 * n);
    Table<float> x(1, in);
    Table<float> s(1, n);
    for (Table<float>* t : {&wi, &wh, &bi, &bh, &x, &s})
      for (float& v : t->data) v = static_cast<float>(normal(rng));
    const Rows<const float> i3 = wi.view();
    const Rows<const float> h3 = wh.view();
    const std::span<const float> bi3(bi.data);
    const std::span<const float> bh3(bh.data);
    const GruWeights w{i3.part(0, n),     i3.part(n, 2 * n), i3.part(2 * n, 3 * n),
                       h3.part(0, n),     h3.part(n, 2 * n), h3.part(2 * n, 3 * n),
                       bi3.subspan(0, n), bi3.subspan(n, n), bi3.subspan(2 * n, n),
                       bh3.subspan(0, n), bh3.subspan(n, n), bh3.subspan(2 * n, n)};
    std::vector<float> next(n);
    EXPECT_TRUE(gru_step(w, x.data, s.data, next).ok());
    const Tensor want = at::gru_cell(floats(x), floats(s), floats(wi), floats(wh),
                                     floats(bi).flatten(), floats(bh).flatten());
    for (std::size_t j = 0; j < n; ++j) EXPECT_NEAR(next[j], want.data_ptr<float>()[j], 2e-6);
  }
}

}  // namespace
}  // namespace swy::moe
