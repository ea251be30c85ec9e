// Losses, gradient estimators and metrics of traces for Python; names as in src/moe/*.h.
//
// A loss takes float64 (others are converted) and adds `scale` times its gradient to `grad`, a
// float64 array, where there is one. Randomness comes from `seed`.
#include "convert.h"
#include "moe/balance_loss.h"
#include "moe/gradient.h"
#include "moe/locality_loss.h"
#include "moe/router_loss.h"
#include "moe/routing_metrics.h"

namespace swy::moe::python {
namespace {

using namespace py::literals;
using D = In<double>;
using Ids = In<std::int32_t>;

// Made for each function: a default that outlives the interpreter would crash at its end.
py::arg_v with_scale() { return "scale"_a = 1.0; }
py::arg_v with_grad() { return py::arg("grad").noconvert().none(true) = py::none(); }

// What balance_loss() takes for a layer: (p, chosen) or (p, chosen, grad).
double py_balance_loss(const std::vector<py::tuple>& layers, std::size_t k, double scale) {
  std::vector<BalanceLayer> all;
  std::vector<py::object> kept;
  std::size_t experts = 0;
  for (const py::tuple& layer : layers) {
    if (layer.size() < 2 || layer.size() > 3)
      throw py::value_error("layers: expected (p, chosen) or (p, chosen, grad) of each");
    const D p = layer[0].cast<D>();
    const Ids chosen = layer[1].cast<Ids>();
    Grad grad;
    if (layer.size() == 3 && !layer[2].is_none()) {
      if (!py::isinstance<py::array_t<double, py::array::c_style>>(layer[2]))
        throw py::type_error("grad: expected a contiguous array of float64");
      grad = layer[2].cast<py::array_t<double, py::array::c_style>>();
    }
    kept.insert(kept.end(), {p, chosen});
    all.push_back({rows_of(p, "p"), rows_of(chosen, "chosen"), rows_of(grad)});
    experts = all.back().p.cols;
  }
  std::vector<double> scratch(2 * experts);
  return checked(balance_loss(all, k, scale, scratch));
}

void bind_balance(py::module_& m) {
  m.def("balance_loss", &py_balance_loss, "layers"_a, "k"_a, with_scale(),
        "Switch's loss of [(p, chosen)] or (p, chosen, grad); several layers: UniPool's.");
  m.def(
      "sequence_balance_loss",
      [](const D& p, const Ids& chosen, const In<std::uint32_t>& begin, std::size_t k, double scale,
         Grad grad) {
        const BalanceLayer layer{rows_of(p, "p"), rows_of(chosen, "chosen"), rows_of(grad)};
        std::vector<double> scratch(2 * layer.p.cols);
        return checked(sequence_balance_loss(layer, span_of(begin), k, scale, scratch));
      },
      "p"_a, "chosen"_a, "begin"_a, "k"_a, with_scale(), with_grad());
  m.def(
      "cv_squared",
      [](const D& x, const std::string& variance, double scale, Grad grad) {
        constexpr const char* kNames[] = {"population", "sample"};
        const auto v = choice<Variance>(variance, "variance", kNames);
        return checked(cv_squared(span_of(x), v, scale, span_of(grad)));
      },
      "x"_a, "variance"_a = "population", with_scale(), with_grad());
  m.def(
      "z_loss",
      [](const D& z, double scale, Grad grad) {
        return checked(z_loss(rows_of(z, "logits"), scale, rows_of(grad)));
      },
      "logits"_a, with_scale(), with_grad());
  m.def(
      "kl_to_uniform",
      [](const D& p, double scale, Grad grad) {
        const auto rows = rows_of(p, "p");
        std::vector<double> scratch(rows.cols);
        return checked(kl_to_uniform(rows, scale, scratch, rows_of(grad)));
      },
      "p"_a, with_scale(), with_grad());
  m.def(
      "noisy_load",
      [](const D& clean, const D& noisy, const D& sd, std::size_t k) {
        Out<double> load(static_cast<std::size_t>(noisy.size()));
        check(noisy_load(span_of(clean), span_of(noisy), span_of(sd), k, load.span()));
        return load.array;
      },
      "clean"_a, "noisy"_a, "sd"_a, "k"_a);
  m.def(
      "noisy_load_backward",
      [](const D& clean, const D& noisy, const D& sd, std::size_t k, const D& dload) {
        const auto n = static_cast<std::size_t>(noisy.size());
        Out<double> a(n);
        Out<double> b(n);
        Out<double> c(n);
        check(noisy_load_backward(span_of(clean), span_of(noisy), span_of(sd), k, span_of(dload),
                                  {a.span(), b.span(), c.span()}));
        return py::make_tuple(a.array, b.array, c.array);
      },
      "clean"_a, "noisy"_a, "sd"_a, "k"_a, "dload"_a, "The slopes of clean, noisy and sd.");
}

void bind_locality(py::module_& m) {
  m.def(
      "chunk_loss",
      [](const D& p, std::size_t window, double scale, Grad grad) {
        return checked(chunk_loss(rows_of(p, "p"), window, scale, rows_of(grad)));
      },
      "p"_a, "window"_a, with_scale(), with_grad());
  m.def(
      "activation_locality",
      [](const D& z, double sharpness, bool through_target, double scale, Grad grad) {
        return checked(
            activation_locality(rows_of(z, "z"), sharpness, through_target, scale, rows_of(grad)));
      },
      "z"_a, "sharpness"_a = 100.0, "through_target"_a = false, with_scale(), with_grad());
  m.def(
      "relu_l1",
      [](const D& z, double scale, Grad grad) {
        return checked(relu_l1(rows_of(z, "z"), scale, rows_of(grad)));
      },
      "z"_a, with_scale(), with_grad());
  py::class_<ReluSparsity>(m, "ReluSparsity", "ReMoE's coefficient of relu_l1().")
      .def(py::init([](double active, double coefficient, double factor) {
             return ReluSparsity{active, coefficient, factor};
           }),
           "active"_a, "coefficient"_a = 1e-8, "factor"_a = 1.2)
      .def_readonly("coefficient", &ReluSparsity::coefficient)
      .def("see", &ReluSparsity::see, "share"_a);
}

void bind_router_losses(py::module_& m) {
  m.def("entropy", [](const D& p, double q) { return entropy(span_of(p), q); }, "p"_a, "q"_a = 1.0);
  m.def("most_entropy", &most_entropy, "n"_a, "q"_a = 1.0);
  m.def(
      "entropy_backward",
      [](const D& p, double q, double scale) {
        Out<double> grad(static_cast<std::size_t>(p.size()));
        check(entropy_backward(span_of(p), q, scale, grad.span()));
        return grad.array;
      },
      "p"_a, "q"_a = 1.0, with_scale());
  m.def(
      "mean_entropy",
      [](const D& p, double q, double scale, Grad grad) {
        return checked(mean_entropy(rows_of(p, "p"), q, scale, rows_of(grad)));
      },
      "p"_a, "q"_a = 1.0, with_scale(), with_grad());
  m.def(
      "entropy_of_mean",
      [](const D& p, double q, double scale, Grad grad) {
        const auto rows = rows_of(p, "p");
        std::vector<double> scratch(2 * rows.cols);
        return checked(entropy_of_mean(rows, q, scale, scratch, rows_of(grad)));
      },
      "p"_a, "q"_a = 1.0, with_scale(), with_grad());
  m.def(
      "entropy_lock",
      [](const D& p, std::size_t k, double scale, Grad grad) {
        return checked(entropy_lock(rows_of(p, "p"), k, scale, rows_of(grad)));
      },
      "p"_a, "k"_a, with_scale(), with_grad());
  m.def(
      "budget_loss",
      [](const D& p, double target, double scale, Grad grad) {
        return checked(budget_loss(span_of(p), target, scale, span_of(grad)));
      },
      "p_big"_a, "target"_a, with_scale(), with_grad());
  m.def(
      "erc_loss",
      [](const D& norms, double alpha, double scale, Grad grad) {
        return checked(erc_loss(rows_of(norms, "m"), alpha, scale, rows_of(grad)));
      },
      "m"_a, "alpha"_a = 1.0, with_scale(), with_grad());
  m.def(
      "erc_radius",
      [](const D& router, std::size_t i) {
        return checked(erc_radius(rows_of(router, "router"), i));
      },
      "router"_a, "i"_a);
  m.def(
      "manifold_loss",
      [](const D& r, const D& neighbours, const D& w, double scale, Grad grad) {
        return checked(manifold_loss(span_of(r), rows_of(neighbours, "neighbours"), span_of(w),
                                     scale, span_of(grad)));
      },
      "r"_a, "neighbours"_a, "w"_a, with_scale(), with_grad());
}

py::tuple unit(const NoisyUnit& u) { return py::make_tuple(u.value, u.slope); }

void bind_single_gates(py::module_& m) {
  m.def(
      "straight_through",
      [](const D& p, const D& g) {
        Out<double> dz(static_cast<std::size_t>(p.size()));
        check(straight_through(span_of(p), span_of(g), dz.span()));
        return dz.array;
      },
      "p"_a, "g"_a);
  m.def("straight_through_bernoulli", &straight_through_bernoulli, "g"_a, "p"_a, "with_slope"_a);
  m.def("score_function_bernoulli", &score_function_bernoulli, "b"_a, "p"_a, "loss"_a,
        "baseline"_a);
  m.def("best_baseline_bernoulli", &best_baseline_bernoulli, "p"_a, "loss_if_one"_a,
        "loss_if_zero"_a);
  m.def(
      "noisy_rectifier",
      [](double a, double sd, std::uint64_t seed) {
        base::Rng rng = rng_of(seed);
        return unit(noisy_rectifier(a, sd, rng));
      },
      "a"_a, "sd"_a, "seed"_a, "(value, slope)");
  m.def(
      "stochastic_times_smooth",
      [](double a, std::uint64_t seed) {
        base::Rng rng = rng_of(seed);
        return unit(stochastic_times_smooth(a, rng));
      },
      "a"_a, "seed"_a, "(value, slope)");
}

void bind_picks(py::module_& m) {
  m.def(
      "sparsemixer_pick",
      [](const D& z, const Ids& taken, double eps, std::optional<std::uint64_t> seed) {
        base::Rng rng = rng_of(seed.value_or(0));
        Out<double> p(static_cast<std::size_t>(z.size()));
        const auto pick = checked(
            sparsemixer_pick(span_of(z), span_of(taken), eps, seed ? &rng : nullptr, p.span()));
        return py::dict("expert"_a = pick.expert, "probability"_a = pick.probability,
                        "factor"_a = pick.factor, "weight"_a = pick.weight(), "p"_a = p.array);
      },
      "z"_a, "taken"_a = std::vector<std::int32_t>(), "eps"_a = 0.01, "seed"_a = py::none(),
      "With a seed it samples, as in training.");
  m.def(
      "sparsemixer_backward",
      [](const py::dict& pick, double g) {
        const D p = pick["p"].cast<D>();
        Out<double> dz(static_cast<std::size_t>(p.size()));
        const SparseMixerPick of{pick["expert"].cast<std::int32_t>(),
                                 pick["probability"].cast<double>(), pick["factor"].cast<double>()};
        check(sparsemixer_backward(of, span_of(p), g, dz.span()));
        return dz.array;
      },
      "pick"_a, "g"_a);
  m.def(
      "sample_in_order",
      [](const D& z, std::size_t k, std::uint64_t seed) {
        base::Rng rng = rng_of(seed);
        Out<std::int32_t> id(k);
        check(sample_in_order(span_of(z), rng, id.span()));
        return id.array;
      },
      "z"_a, "k"_a, "seed"_a);
  m.def(
      "log_probability_in_order",
      [](const D& z, const Ids& id, double scale, Grad grad) {
        return checked(log_probability_in_order(span_of(z), span_of(id), scale, span_of(grad)));
      },
      "z"_a, "id"_a, with_scale(), with_grad());
  m.def(
      "leave_one_out",
      [](const D& loss) {
        Out<double> c(static_cast<std::size_t>(loss.size()));
        check(leave_one_out(span_of(loss), c.span()));
        return c.array;
      },
      "loss"_a);
  m.def("effective_number", [](const D& w) { return effective_number(span_of(w)); }, "w"_a);
}

void bind_specialisation(py::module_& m) {
  m.def(
      "context_independence",
      [](const In<std::uint32_t>& counts) {
        return checked(context_independence(rows_of(counts, "counts")));
      },
      "counts"_a);
  m.def(
      "drops_by_position",
      [](const Ids& before, const Ids& after, const In<std::uint32_t>& begin, std::size_t buckets) {
        Out<std::uint64_t> demanded(buckets);
        Out<std::uint64_t> dropped(buckets);
        check(drops_by_position(rows_of(before, "before"), rows_of(after, "after"), span_of(begin),
                                demanded.span(), dropped.span()));
        return py::make_tuple(demanded.array, dropped.array);
      },
      "before"_a, "after"_a, "begin"_a, "buckets"_a = 10);
  m.def(
      "routing_agreement",
      [](const Ids& a, const Ids& b) {
        const auto r = checked(routing_agreement(rows_of(a, "a"), rows_of(b, "b")));
        return py::dict("jaccard"_a = r.jaccard, "first"_a = r.first, "churn"_a = r.churn);
      },
      "a"_a, "b"_a);
}

void bind_consistency(py::module_& m) {
  m.def(
      "count_windows",
      [](const Ids& chosen, std::size_t window, std::size_t experts) {
        Out<std::uint64_t> histogram(window + 1);
        std::vector<std::uint32_t> count(experts);
        check(count_windows(rows_of(chosen, "chosen"), window, count, histogram.span()));
        return histogram.array;
      },
      "chosen"_a, "window"_a, "experts"_a);
  m.def(
      "segment_performance",
      [](const In<std::uint64_t>& histogram) {
        const auto s = checked(segment_performance(span_of(histogram)));
        return py::dict("f1"_a = s.f1, "threshold"_a = s.threshold, "cache"_a = s.cache);
      },
      "histogram"_a);
  m.def(
      "segment_cache_hits",
      [](const Ids& chosen, std::size_t size, std::size_t window, std::size_t experts) {
        std::vector<std::uint32_t> count(experts);
        std::vector<std::int64_t> last(experts);
        return checked(segment_cache_hits(rows_of(chosen, "chosen"), size, window, count, last));
      },
      "chosen"_a, "size"_a, "window"_a, "experts"_a);
  m.def(
      "cache_hits",
      [](const Ids& chosen, std::size_t size, const std::string& policy, std::size_t experts) {
        constexpr const char* kNames[] = {"lru", "lfu", "belady"};
        std::vector<std::int64_t> held(experts), used(experts);
        std::vector<std::int64_t> next(static_cast<std::size_t>(chosen.size()));
        return checked(cache_hits(rows_of(chosen, "chosen"), size,
                                  choice<CachePolicy>(policy, "policy", kNames),
                                  {held, used, next}));
      },
      "chosen"_a, "size"_a, "policy"_a, "experts"_a);
}

}  // namespace

void bind_losses(py::module_& m) {
  bind_balance(m);
  bind_locality(m);
  bind_router_losses(m);
  bind_single_gates(m);
  bind_picks(m);
  bind_specialisation(m);
  bind_consistency(m);
}

}  // namespace swy::moe::python
