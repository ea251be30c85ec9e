// Assignments of a whole batch, planners, routers with a state and edited scores for Python; names
// as in src/moe/*.h. What C++ changes in place comes back as a new array.
#include "convert.h"
#include "math/kernels.h"
#include "moe/auction.h"
#include "moe/online_bip.h"
#include "moe/pipeline_plan.h"
#include "moe/placement.h"
#include "moe/pool_rules.h"
#include "moe/score_edit.h"
#include "moe/sinkhorn.h"
#include "moe/state_routers.h"
#include "moe/variable_count.h"

namespace swy::moe::python {
namespace {

using namespace py::literals;
using D = In<double>;
using F = In<float>;
using Ids = In<std::int32_t>;

py::dict py_slot_auction(const D& score, const In<std::uint32_t>& limit, double eps, bool scaled,
                         std::uint64_t most_bids) {
  const auto rows = rows_of(score, "score");
  std::uint64_t slots = 0;
  for (const std::uint32_t c : span_of(limit)) slots += c;
  if (slots > (std::uint64_t{1} << 32U)) throw py::value_error("limit does not fit");
  std::vector<AuctionSlot> memory(static_cast<std::size_t>(slots));
  std::vector<std::uint32_t> begin(rows.cols + 1), waiting(rows.rows);
  Out<std::uint32_t> owner(rows.rows);
  Out<double> price(rows.cols);
  AuctionOutcome out;
  const AuctionResult result{owner.span(), price.span(), out};
  Status status;
  {
    const py::gil_scoped_release free;
    status = slot_auction(rows, span_of(limit), {eps, scaled, most_bids}, {memory, begin, waiting},
                          result);
  }
  check(status);
  return py::dict("owner"_a = owner.array, "price"_a = price.array, "value"_a = out.value,
                  "eps"_a = out.eps, "bids"_a = out.bids);
}

py::dict py_base_auction(const D& score, std::uint32_t rounds, double eps_share, bool without_eps) {
  const auto s = rows_of(score, "score");
  const std::size_t n = s.rows;
  std::vector<double> cost(n), bid(n);
  std::vector<std::int32_t> bidder(n), holder(n);
  std::vector<std::uint32_t> order(n);
  const bool whole = s.cols > 0 && n % s.cols == 0;
  Out<std::uint32_t> taken(whole ? s.cols : 1, whole ? n / s.cols : n);
  BaseOutcome out;
  check(base_auction(s, {rounds, eps_share, without_eps}, {cost, bid, bidder, holder, order},
                     taken.span(), out));
  return py::dict("taken"_a = taken.array, "rounds"_a = out.rounds, "partition"_a = out.partition);
}

py::dict planned(const py::array& plan, const SinkhornOutcome& out) {
  return py::dict("plan"_a = plan, "iterations"_a = out.iterations, "error"_a = out.error);
}

template <class T, class Solve>
py::dict solve(const In<T>& score, const Solve& f) {
  const auto rows = rows_of(score, "score");
  std::vector<T> scratch(sinkhorn_scratch(rows.rows, rows.cols));
  Out<T> plan(rows.rows, rows.cols);
  const auto to = plan.rows();
  Checked<SinkhornOutcome> out;
  {
    const py::gil_scoped_release free;
    out = f(rows, std::span<T>(scratch), to);
  }
  return planned(plan.array, checked(out));
}

template <class T>
std::span<const T> mass_of(const std::optional<In<T>>& a) {
  return a ? span_of(*a) : std::span<const T>();
}

void bind_sinkhorn(py::module_& m) {
  m.def(
      "sinkhorn",
      [](const F& score, const std::optional<F>& rows, const std::optional<F>& cols, double xi,
         double tolerance, std::uint32_t most) {
        return solve<float>(score, [&](auto s, auto scratch, auto plan) {
          return sinkhorn(math::best_kernels(), s, mass_of<float>(rows), mass_of<float>(cols),
                          {xi, tolerance, most}, scratch, plan);
        });
      },
      "score"_a, "row_mass"_a = py::none(), "col_mass"_a = py::none(), "xi"_a = 1.0,
      "tolerance"_a = 1e-6, "most"_a = 100);
  m.def(
      "sinkhorn_log",
      [](const D& score, const std::optional<D>& rows, const std::optional<D>& cols, double xi,
         double tolerance, std::uint32_t most) {
        return solve<double>(score, [&](auto s, auto scratch, auto plan) {
          return sinkhorn_log(s, mass_of<double>(rows), mass_of<double>(cols),
                              {xi, tolerance, most}, scratch, plan);
        });
      },
      "score"_a, "row_mass"_a = py::none(), "col_mass"_a = py::none(), "xi"_a = 1.0,
      "tolerance"_a = 1e-6, "most"_a = 100);
  m.def(
      "sinkhorn_megatron",
      [](const D& logits, double tolerance, std::uint32_t most) {
        return solve<double>(logits, [&](auto s, auto scratch, auto plan) {
          return sinkhorn_megatron(s, tolerance, most, scratch, plan);
        });
      },
      "logits"_a, "tolerance"_a = 1e-4, "most"_a = 100);
  m.def(
      "selective_sinkhorn",
      [](const D& logits, std::uint64_t seed, std::uint64_t step, double probability, double noise,
         bool of_softmax, double xi, double tolerance, std::uint32_t most) {
        const auto rows = rows_of(logits, "logits");
        std::vector<double> scratch(sinkhorn_scratch(rows.rows, rows.cols));
        Out<double> score(rows.rows, rows.cols);
        const bool plan = checked(
            selective_sinkhorn(rows, {probability, noise, of_softmax, {xi, tolerance, most}}, seed,
                               step, scratch, score.rows()));
        return py::make_tuple(score.array, plan);
      },
      "logits"_a, "seed"_a, "step"_a, "probability"_a = 0.01, "noise"_a = 0.1,
      "of_softmax"_a = false, "xi"_a = 1.0, "tolerance"_a = 1e-6, "most"_a = 100,
      "(scores, whether they are a plan)");
  m.def(
      "renormalised_top_k",
      [](const D& row, std::size_t k) {
        Out<std::int32_t> id(k);
        Out<double> weight(k);
        check(renormalised_top_k(span_of(row), id.span(), weight.span()));
        return py::make_tuple(id.array, weight.array);
      },
      "row"_a, "k"_a);
}

// A stream's prices with their memory.
struct PyOnlineBip {
  std::vector<std::uint32_t> limit, held;
  std::vector<double> price, margin;
  explicit PyOnlineBip(const In<std::uint32_t>& most)
      : limit(most.data(), most.data() + most.size()),
        held(limit.size()),
        price(limit.size()),
        margin(online_bip_room(limit)) {}
  py::array_t<std::int32_t> step(const D& score, std::size_t k, std::uint32_t iterations) {
    Out<std::int32_t> id(k);
    check(online_bip(span_of(score), iterations, {price, held, margin, limit}, id.span()));
    return id.array;
  }
};

void bind_batches(py::module_& m) {
  m.def("slot_auction", &py_slot_auction, "score"_a, "limit"_a, "eps"_a = 1e-3, "scaled"_a = true,
        "most_bids"_a = 100'000'000);
  m.def("base_auction", &py_base_auction, "score"_a, "rounds"_a = 100, "eps_share"_a = 50.0,
        "without_eps"_a = false);
  py::class_<PyOnlineBip>(m, "OnlineBip", "BIP's prices for one token at a time.")
      .def(py::init<const In<std::uint32_t>&>(), "limit"_a)
      .def("step", &PyOnlineBip::step, "score"_a, "k"_a = 1, "iterations"_a = 1,
           "The experts of this token; moves the prices.")
      .def_property_readonly("price", [](const PyOnlineBip& s) {
        return py::array_t<double>(static_cast<py::ssize_t>(s.price.size()), s.price.data());
      });
}

py::dict cost_of(const PlanCost& c) {
  return py::dict("makespan_s"_a = c.makespan_s, "tokens_moved"_a = c.tokens_moved,
                  "weights_moved"_a = c.weights_moved, "peak_bytes"_a = c.peak_bytes);
}

py::dict py_llep_plan(const In<std::uint64_t>& tokens, std::uint32_t devices, double alpha,
                      std::uint64_t chunk, double trigger) {
  const auto n = static_cast<std::size_t>(tokens.size());
  std::vector<std::uint32_t> order(n);
  std::vector<std::uint64_t> pending(devices);
  Out<std::uint64_t> load(devices);
  std::vector<ExpertSlice> slices(most_slices(n, devices));
  const LlepPlan plan = checked(llep_plan(span_of(tokens), devices, {alpha, chunk, trigger},
                                          {order, pending, load.span()}, slices));
  Out<std::uint64_t> table(plan.slices, 4);
  for (std::size_t i = 0; i < plan.slices; ++i) {
    const ExpertSlice& s = slices[i];
    const std::uint64_t row[] = {s.expert, s.device, s.begin, s.end};
    std::copy_n(row, 4, table.rows().row(i).begin());
  }
  return py::dict("slices"_a = table.array, "load"_a = load.array, "transfers"_a = plan.transfers,
                  "limit"_a = plan.limit, "moved"_a = plan.moved);
}

py::dict py_plan_cost(const In<std::uint64_t>& slices, std::size_t experts,
                      const DeviceModel& model) {
  const auto rows = rows_of(slices, "slices");
  if (rows.rows > 0 && rows.cols != 4)
    throw py::value_error("slices: expected rows of expert, device, begin, end");
  std::vector<ExpertSlice> all(rows.rows);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (rows.at(i, 0) > UINT32_MAX || rows.at(i, 1) > UINT32_MAX)
      throw py::value_error("slices does not fit");
    all[i] = {static_cast<std::uint32_t>(rows.at(i, 0)), static_cast<std::uint32_t>(rows.at(i, 1)),
              rows.at(i, 2), rows.at(i, 3)};
  }
  return cost_of(checked(plan_cost(all, experts, model)));
}

std::vector<PipelineStage> stages_of(const D& stages) {
  const auto rows = rows_of(stages, "stages");
  if (rows.rows > 0 && rows.cols != 2)
    throw py::value_error("stages: expected rows of work_s, fixed_s");
  std::vector<PipelineStage> all;
  for (std::size_t i = 0; i < rows.rows; ++i) all.push_back({rows.at(i, 0), rows.at(i, 1)});
  return all;
}

void bind_machines(py::module_& m) {
  py::class_<DeviceModel>(m, "DeviceModel")
      .def(py::init([](std::uint32_t devices, double tokens_per_s, double call_s, double link,
                       std::uint64_t expert_bytes, std::uint64_t token_bytes) {
             return DeviceModel{devices, tokens_per_s, call_s, link, expert_bytes, token_bytes};
           }),
           "devices"_a = 1, "tokens_per_s"_a = 1.0, "call_s"_a = 0.0, "link_bytes_per_s"_a = 1.0,
           "expert_bytes"_a = 0, "token_bytes"_a = 0);
  py::class_<Network>(m, "Network")
      .def(py::init([](std::uint32_t nodes, std::uint32_t per_node, double message_s, double inter,
                       double intra) { return Network{nodes, per_node, message_s, inter, intra}; }),
           "nodes"_a = 1, "per_node"_a = 1, "message_s"_a = 0.0, "inter_bytes_per_s"_a = 1.0,
           "intra_bytes_per_s"_a = 1.0);
  py::class_<LayerLoad>(m, "LayerLoad")
      .def(py::init([](std::uint64_t tokens, std::uint64_t rows, std::uint32_t experts) {
             return LayerLoad{tokens, rows, experts};
           }),
           "tokens_per_device"_a = 0, "rows_per_device"_a = 0, "experts"_a = 1);
}

void bind_planners(py::module_& m) {
  bind_machines(m);
  m.def("llep_plan", &py_llep_plan, "tokens"_a, "devices"_a, "alpha"_a = 1.0, "chunk"_a = 1024,
        "trigger"_a = 1.3, "slices: rows of expert, device, begin, end.");
  m.def("plan_cost", &py_plan_cost, "slices"_a, "experts"_a, "model"_a);
  m.def(
      "pipeline_seconds",
      [](const D& stages, std::uint32_t parts) {
        return checked(pipeline_seconds(stages_of(stages), parts));
      },
      "stages"_a, "parts"_a);
  m.def(
      "best_parts",
      [](const D& stages, std::uint32_t most) {
        return checked(best_parts(stages_of(stages), most));
      },
      "stages"_a, "most"_a);
  m.def(
      "all_to_all_seconds",
      [](const Network& net, double bytes, bool two_level) {
        return checked(all_to_all_seconds(net, bytes, two_level));
      },
      "net"_a, "bytes"_a, "two_level"_a);
  m.def(
      "tutel_plan",
      [](const LayerLoad& load, const DeviceModel& device, const Network& net) {
        const auto p = checked(tutel_plan(load, device, net));
        return py::dict("move_weights"_a = p.move_weights, "two_level"_a = p.two_level,
                        "parts"_a = p.parts, "cost"_a = cost_of(p.cost));
      },
      "load"_a, "device"_a, "net"_a);
  m.def(
      "fsmoe_plan",
      [](const LayerLoad& load, const DeviceModel& device, const Network& net, double backward,
         std::uint32_t most) {
        const auto p = checked(fsmoe_plan(load, device, net, backward, most));
        return py::dict("forward_parts"_a = p.forward_parts, "backward_parts"_a = p.backward_parts,
                        "cost"_a = cost_of(p.cost));
      },
      "load"_a, "device"_a, "net"_a, "backward_work"_a = 2.0, "most_parts"_a = 16);
}

// A missing recurrent weight is an empty table, which gru_step() names.
py::array_t<float> py_gru_step(const std::map<std::string, F>& w, const F& x, const F& state) {
  const auto table = [&](const char* name) {
    const auto at = w.find(name);
    return at == w.end() ? Rows<const float>() : rows_of(at->second, name);
  };
  const auto bias = [&](const char* name) {
    const auto at = w.find(name);
    return at == w.end() ? std::span<const float>() : span_of(at->second);
  };
  const GruWeights weights{table("ir"), table("iz"), table("in"), table("hr"),
                           table("hz"), table("hn"), bias("bir"), bias("biz"),
                           bias("bin"), bias("bhr"), bias("bhz"), bias("bhn")};
  Out<float> next(static_cast<std::size_t>(state.size()));
  check(gru_step(weights, span_of(x), span_of(state), next.span()));
  return next.array;
}

void bind_recurrent(py::module_& m) {
  m.def("gru_step", &py_gru_step, "weights"_a, "x"_a, "state"_a,
        "weights: ir, iz, in, hr, hz, hn, and where there are any bir .. bhn.");
  m.def(
      "project",
      [](const F& matrix, const F& x) {
        const auto rows = rows_of(matrix, "matrix");
        Out<float> out(rows.rows);
        check(project(rows, span_of(x), out.span()));
        return out.array;
      },
      "matrix"_a, "x"_a);
  m.def(
      "chain_step",
      [](const D& weight, const F& outputs, const F& x) {
        auto next = copy_of(x);
        check(chain_step(span_of(weight), rows_of(outputs, "outputs"), next.span()));
        return next.array;
      },
      "weight"_a, "outputs"_a, "x"_a);
  m.def(
      "halts",
      [](const F& h, const F& delta, double threshold) {
        return checked(halts(span_of(h), span_of(delta), threshold));
      },
      "h"_a, "delta"_a, "threshold"_a);
}

void bind_clusters(py::module_& m) {
  m.def(
      "kmeans_update",
      [](const F& x, const Ids& chosen, double rate, const F& centroids) {
        auto next = table_of(centroids, "centroids");
        const auto c = next.rows();
        std::vector<double> scratch(c.rows * (c.cols + 1));
        check(kmeans_update(rows_of(x, "x"), rows_of(chosen, "chosen"), rate, scratch, c));
        return next.array;
      },
      "x"_a, "chosen"_a, "rate"_a, "centroids"_a);
  m.def(
      "reseed_idle",
      [](const F& x, const Ids& chosen, const In<std::uint32_t>& load, const F& centroids) {
        auto next = table_of(centroids, "centroids");
        const auto moved = checked(
            reseed_idle(rows_of(x, "x"), rows_of(chosen, "chosen"), span_of(load), next.rows()));
        return py::make_tuple(next.array, moved);
      },
      "x"_a, "chosen"_a, "load"_a, "centroids"_a, "(centroids, how many moved)");
  m.def(
      "cluster_step",
      [](const F& x, double keep, const F& centres) {
        auto next = table_of(centres, "centres");
        const auto c = next.rows();
        std::vector<double> scratch(c.rows * (c.cols + 1));
        check(cluster_step(rows_of(x, "x"), keep, scratch, c));
        return next.array;
      },
      "x"_a, "keep"_a, "centres"_a);
  m.def(
      "cluster_of",
      [](const F& x, const F& centres) {
        return checked(cluster_of(span_of(x), rows_of(centres, "centres")));
      },
      "x"_a, "centres"_a);
}

void bind_pools(py::module_& m) {
  m.def(
      "open_experts",
      [](std::uint32_t each, std::uint32_t layers, std::uint64_t step, std::uint64_t begin,
         std::uint64_t end) { return open_experts({each, layers, begin, end}, step); },
      "each"_a, "layers"_a, "step"_a, "begin"_a = 10'000, "end"_a = 30'000);
  m.def(
      "open_mask",
      [](std::uint32_t each, std::uint32_t layers, std::uint32_t layer, std::uint32_t open) {
        const std::size_t n = std::size_t{each} * layers;
        std::vector<std::uint64_t> live((n + 63) / 64);
        check(open_mask({.each = each, .layers = layers}, layer, open, live));
        Out<bool> out(n);
        for (std::size_t e = 0; e < n; ++e) out.span()[e] = (live[e / 64] >> (e % 64) & 1U) != 0;
        return out.array;
      },
      "each"_a, "layers"_a, "layer"_a, "open"_a, "For assign(expert_live=).");
  m.def(
      "norm_router_scale",
      [](std::size_t experts, std::size_t k, std::size_t draws, std::uint64_t seed) {
        std::vector<double> scratch(experts);
        return checked(norm_router_scale(experts, k, draws, seed, scratch));
      },
      "experts"_a, "k"_a, "draws"_a = 10'000, "seed"_a = 42);
  m.def(
      "union_gate",
      [](const D& p, std::size_t k, double capacity) {
        const auto rows = rows_of(p, "p");
        std::vector<double> scratch(2 * rows.cols);
        Out<double> out(rows.rows, rows.cols);
        check(union_gate(rows, k, capacity, scratch, out.rows()));
        return out.array;
      },
      "p"_a, "k"_a, "capacity"_a);
}

std::vector<std::uint64_t> bits_of(const In<bool>& allowed) {
  const auto b = span_of(allowed);
  std::vector<std::uint64_t> bits((b.size() + 63) / 64);
  for (std::size_t e = 0; e < b.size(); ++e) bits[e / 64] |= std::uint64_t{b[e]} << (e % 64);
  return bits;
}

void bind_edits(py::module_& m) {
  m.def(
      "mix_scores",
      [](const F& share, const F& score) {
        const auto s = rows_of(share, "share");
        const auto z = rows_of(score, "score");
        Out<float> out(s.rows, z.cols);
        check(mix_scores(s, z, out.rows()));
        return out.array;
      },
      "share"_a, "score"_a);
  m.def(
      "similarity_share",
      [](const F& x, double temperature, bool causal) {
        const auto rows = rows_of(x, "x");
        Out<float> share(rows.rows, rows.rows);
        check(similarity_share(rows, temperature, causal, share.rows()));
        return share.array;
      },
      "x"_a, "temperature"_a = 1.0, "causal"_a = true);
  m.def(
      "steer_softly",
      [](const In<bool>& allowed, double lambda, const F& z) {
        auto out = copy_of(z);
        check(steer_softly(bits_of(allowed), lambda, out.span()));
        return out.array;
      },
      "allowed"_a, "lambda_"_a, "z"_a);
  m.def(
      "steer_hard",
      [](const In<bool>& allowed, const F& z, std::uint64_t seed) {
        base::Rng rng = rng_of(seed);
        auto out = copy_of(z);
        check(steer_hard(bits_of(allowed), rng, out.span()));
        return out.array;
      },
      "allowed"_a, "z"_a, "seed"_a);
  m.def(
      "force_expert",
      [](const D& p, std::int32_t forced, const Ids& chosen, bool renormalise) {
        auto id = copy_of(chosen);
        Out<double> weight(static_cast<std::size_t>(chosen.size()));
        check(force_expert(span_of(p), forced, renormalise, id.span(), weight.span()));
        return py::make_tuple(id.array, weight.array);
      },
      "p"_a, "forced"_a, "chosen"_a, "renormalise"_a = false);
}

void bind_instances(py::module_& m) {
  m.def(
      "es_moe_route",
      [](const D& logits, std::size_t k, double temperature, double noise,
         std::optional<std::uint64_t> seed) {
        base::Rng rng = rng_of(seed.value_or(0));
        std::vector<double> scratch(static_cast<std::size_t>(logits.size()));
        Out<std::int32_t> id(k);
        Out<double> weight(k);
        check(es_moe_route(span_of(logits), {temperature, noise}, seed ? &rng : nullptr, scratch,
                           id.span(), weight.span()));
        return py::make_tuple(id.array, weight.array);
      },
      "logits"_a, "k"_a, "temperature"_a = 1.0, "noise"_a = 1.0, "seed"_a = py::none(),
      "With a seed as in training.");
  m.def(
      "distill_gate",
      [](const D& logits, const D& teacher_loss, std::size_t k) {
        Out<std::int32_t> id(k);
        const double loss =
            checked(distill_gate(span_of(logits), span_of(teacher_loss), id.span()));
        return py::make_tuple(loss, id.array);
      },
      "logits"_a, "teacher_loss"_a, "k"_a = 1);
  m.def(
      "uncertainty_weights",
      [](const D& passes) {
        const auto rows = rows_of(passes, "passes");
        Out<double> weight(rows.cols);
        check(uncertainty_weights(rows, weight.span()));
        return weight.array;
      },
      "passes"_a);
}

py::dict py_unimoe_weights(const D& dynamic, const D& shared, double mass, double eps) {
  const auto n = static_cast<std::size_t>(dynamic.size());
  std::vector<double> scratch(n);
  std::vector<std::int32_t> chosen(n);
  Out<double> weight(n);
  Out<double> always(static_cast<std::size_t>(shared.size()));
  const auto count = checked(unimoe_weights({span_of(dynamic), span_of(shared)}, mass, eps, scratch,
                                            chosen, {weight.span(), always.span()}));
  Out<std::int32_t> id(count);
  std::copy_n(chosen.begin(), count, id.span().begin());
  return py::dict("chosen"_a = id.array, "dynamic"_a = weight.array, "shared"_a = always.array);
}

void bind_unimoe(py::module_& m) {
  m.def("unimoe_weights", &py_unimoe_weights, "dynamic"_a, "shared"_a, "mass"_a = 0.7,
        "eps"_a = 0.01);
  m.def("unimoe_capacity", &unimoe_capacity, "tokens"_a, "experts"_a, "factor"_a = 3.0,
        "least"_a = 8);
  m.def(
      "unimoe_drop",
      [](const D& weight, std::size_t capacity, const std::optional<D>& rank) {
        auto out = table_of(weight, "weight");
        std::vector<std::uint32_t> scratch(out.rows().rows);
        const Rows<const double> by = rank ? rows_of(*rank, "rank") : Rows<const double>();
        const auto dropped = checked(unimoe_drop(out.rows(), by, capacity, scratch));
        return py::make_tuple(out.array, dropped);
      },
      "weight"_a, "capacity"_a, "rank"_a = py::none(), "(weights, how many were dropped)");
}

void bind_counts(py::module_& m) {
  m.def(
      "percentile",
      [](const D& v, double share) {
        auto copy = copy_of(v);
        return checked(percentile(copy.span(), share));
      },
      "v"_a, "share"_a);
  py::class_<RunningQuantile>(m, "RunningQuantile")
      .def(py::init([](double value, double share, double rate) {
             return RunningQuantile{value, share, rate};
           }),
           "value"_a = 0.0, "share"_a = 0.5, "rate"_a = 0.01)
      .def_readonly("value", &RunningQuantile::value)
      .def("see", &RunningQuantile::see, "x"_a);
  m.def(
      "layer_limit",
      [](const std::string& schedule, std::uint32_t layer, std::uint32_t layers, std::uint32_t kmin,
         std::uint32_t kmax) {
        constexpr const char* kNames[] = {"uniform", "descending", "ascending",
                                          "pyramid", "valley",     "wave"};
        return checked(layer_limit(choice<LayerSchedule>(schedule, "schedule", kNames), layer,
                                   layers, kmin, kmax));
      },
      "schedule"_a, "layer"_a, "layers"_a, "kmin"_a, "kmax"_a);
  m.def(
      "dynmole_weights",
      [](const D& p, double q, double limit, bool relative, double mass, std::size_t k) {
        Out<double> weight(static_cast<std::size_t>(p.size()));
        const auto count =
            checked(dynmole_weights(span_of(p), {q, limit, relative, mass, k}, weight.span()));
        return py::make_tuple(weight.array, count);
      },
      "p"_a, "q"_a = 1.1, "limit"_a = 0.9, "relative"_a = false, "mass"_a = 0.75, "k"_a = 1,
      "(weights, how many are used)");
  py::class_<Magnet>(m, "Magnet", "The switch from spreading to specialising.")
      .def(py::init([](double cover, std::uint32_t steps) {
             return Magnet{.cover = cover, .steps = steps};
           }),
           "cover"_a = 0.9, "steps"_a = 1)
      .def_readonly("specialise", &Magnet::specialise)
      .def(
          "see", [](Magnet& rule, const D& mean) { return checked(rule.see(span_of(mean))); },
          "mean_p"_a);
}

}  // namespace

void bind_rules(py::module_& m) {
  bind_batches(m);
  bind_sinkhorn(m);
  bind_planners(m);
  bind_recurrent(m);
  bind_clusters(m);
  bind_pools(m);
  bind_edits(m);
  bind_instances(m);
  bind_unimoe(m);
  bind_counts(m);
}

}  // namespace swy::moe::python
