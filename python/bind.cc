// The assignment library for Python: arrays of numpy in and out, without copies of scores or
// results.
//
// Names are those of include/switchyard/moe.h. Scores: two dimensions, float32, float16, or
// bfloat16 (ml_dtypes, or uint16 with bf16=True); rows may have gaps. Results are numpy arrays that
// the call allocates, or those of `out`, written in place. A Status that is not ok becomes a
// ValueError that names the argument. The lock of the interpreter is released while the library
// works.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "convert.h"
#include "moe/batch.h"
#include "moe/fields.h"
#include "switchyard/moe.h"

namespace py = pybind11;

namespace swy::moe {
namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;  // no forcecast: another type is an error

using python::check;

std::string name_of(const py::object& what) { return py::str(what).cast<std::string>(); }

// A contiguous array of just this type; `name` begins the complaint.
template <typename T>
std::span<const T> read(const std::optional<py::array>& a, const char* name) {
  if (!a) return {};
  const bool contiguous = (a->flags() & py::array::c_style) != 0;
  if (!py::isinstance<py::array_t<T>>(*a) || !contiguous)
    throw py::type_error(std::string(name) + ": expected a contiguous array of " +
                         name_of(py::dtype::of<T>()) + ", not of " + name_of(a->dtype()));
  return {static_cast<const T*>(a->data()), static_cast<std::size_t>(a->size())};
}

template <typename T>
std::span<T> write(py::array& a, const char* name) {
  const auto r = read<T>(a, name);
  if (!a.writeable()) throw py::value_error(std::string(name) + " cannot be written");
  return {const_cast<T*>(r.data()), r.size()};
}

bool is_bf16(const py::dtype& type) { return name_of(type) == "bfloat16"; }

// The scores where they lie.
Scores scores_of(const py::array& a, bool bf16) {
  if (a.ndim() != 2) throw py::value_error("scores: two dimensions, tokens and experts");
  Scores s;
  const bool wide = py::isinstance<py::array_t<float>>(a);
  const auto width = static_cast<py::ssize_t>(wide ? 4 : 2);
  if (wide) {
    s.type = DType::kF32;
  } else if (is_bf16(a.dtype()) || (bf16 && py::isinstance<py::array_t<std::uint16_t>>(a))) {
    s.type = DType::kBf16;
  } else if (a.dtype().kind() == 'f' && a.dtype().itemsize() == 2) {
    s.type = DType::kF16;
  } else {
    throw py::type_error("scores: float32, float16 or bfloat16, not " + name_of(a.dtype()));
  }
  const bool rows_apart = a.shape(0) <= 1 || a.strides(0) >= a.shape(1) * width;
  if ((a.shape(1) > 1 && a.strides(1) != width) || !rows_apart || a.strides(0) % width != 0)
    throw py::value_error("scores: the numbers of a row lie side by side (C order)");
  s.data = a.data();
  s.rows = static_cast<std::uint32_t>(a.shape(0));
  s.cols = static_cast<std::uint32_t>(a.shape(1));
  s.ld = a.shape(0) <= 1 ? s.cols : static_cast<std::size_t>(a.strides(0) / width);
  s.size = s.rows == 0 ? 0 : (s.rows - 1) * s.ld + s.cols;
  return s;
}

struct PyAssignment {
  std::uint32_t tokens = 0, experts = 0, kmax = 0;
  py::array expert, weight, slot, demand, kept;
  std::uint64_t nan_scores = 0;

  PyAssignment(std::uint32_t rows, std::uint32_t cols, std::uint32_t width)
      : tokens(rows),
        experts(cols),
        kmax(width),
        expert(Array<std::int32_t>({rows, width})),
        weight(Array<float>({rows, width})),
        slot(Array<std::uint32_t>({rows, width})),
        demand(Array<std::uint32_t>(cols)),
        kept(Array<std::uint32_t>(cols)) {}
  [[nodiscard]] Shape shape() const { return {tokens, experts, kmax}; }
  Assignment view() {
    return {kmax,
            write<std::int32_t>(expert, "expert"),
            write<float>(weight, "weight"),
            write<std::uint32_t>(slot, "slot"),
            write<std::uint32_t>(demand, "demand"),
            write<std::uint32_t>(kept, "kept"),
            nan_scores};
  }
};

struct PyState {
  PyState(const Spec& spec, std::uint32_t experts) : memory(spec, experts) {
    if (memory.bias.empty()) memory.bias.assign(experts, 0.0F);
  }
  StateMemory memory;
};

// A view of memory that `owner` keeps alive.
py::array view_of(std::vector<float>& v, const py::object& owner) {
  return py::array_t<float>(static_cast<py::ssize_t>(v.size()), v.data(), owner);
}

// What a call knows besides the scores, from keyword arguments.
class Known {
 public:
  Known(const py::kwargs& kwargs, std::uint32_t experts) {
    for (const auto& [key, value] : kwargs) {
      const auto name = key.cast<std::string>();
      if (value.is_none()) continue;
      if (!number(name, value) && !array(name, value, experts))
        throw py::type_error("there is no argument '" + name + "'");
    }
  }
  [[nodiscard]] const Ctx& ctx() const { return ctx_; }

 private:
  bool number(const std::string& name, const py::handle& value) {
    if (name == "seed") return ctx_.seed = value.cast<std::uint64_t>(), true;
    if (name == "step") return ctx_.step = value.cast<std::uint64_t>(), true;
    if (name == "layer") return ctx_.layer = value.cast<std::uint64_t>(), true;
    if (name == "training") return ctx_.training = value.cast<bool>(), true;
    if (name == "lambda_") return ctx_.lambda = value.cast<float>(), true;
    return false;
  }
  bool array(const std::string& name, const py::handle& value, std::uint32_t experts) {
    const auto a = py::array::ensure(value);
    if (!a) throw py::type_error(name + ": expected an array");
    kept_.push_back(a);
    if (name == "token_live") return ctx_.token_live = live(a, name), true;
    if (name == "expert_live") return ctx_.expert_live = bits(a, experts), true;
    if (name == "capacity") return ctx_.capacity = read<std::uint32_t>(a, "capacity"), true;
    if (name == "seq_begin") return ctx_.seq_begin = read<std::uint32_t>(a, "seq_begin"), true;
    if (name == "token_id") return ctx_.token_id = read<std::uint32_t>(a, "token_id"), true;
    if (name == "hash_table") return ctx_.hash_table = read<std::int32_t>(a, "hash_table"), true;
    if (name == "cost") return ctx_.cost = read<float>(a, "cost"), true;
    if (name == "noise_sd") return ctx_.noise_sd = read<float>(a, "noise_sd"), true;
    if (name == "gain") return ctx_.gain = read<float>(a, "gain"), true;
    if (name == "hidden") return ctx_.hidden = scores_of(a, false), true;
    return false;
  }
  // Booleans are bytes of 0 and 1.
  static std::span<const std::uint8_t> live(const py::array& a, const std::string& name) {
    if (!py::isinstance<py::array_t<bool>>(a)) throw py::type_error(name + ": expected booleans");
    const auto b = read<bool>(a, name.c_str());
    return {reinterpret_cast<const std::uint8_t*>(b.data()), b.size()};
  }
  std::span<const std::uint64_t> bits(const py::array& a, std::uint32_t experts) {
    const auto b = live(a, "expert_live");
    if (b.size() != experts) throw py::value_error("expert_live: one boolean for every expert");
    bits_.assign((experts + 63) / 64, 0);
    for (std::size_t e = 0; e < b.size(); ++e)
      bits_[e / 64] |= std::uint64_t{b[e] != 0} << (e % 64);
    return bits_;
  }

  Ctx ctx_;
  std::vector<py::array> kept_;
  std::vector<std::uint64_t> bits_;
};

State state_of(PyState* state) { return state == nullptr ? State{} : state->memory.view(); }

std::vector<std::byte> workspace(const Spec& spec, Shape shape) {
  return std::vector<std::byte>(workspace_bytes(spec, shape));
}

PyAssignment py_assign(const Spec& spec, const py::array& scores, PyState* state,
                       std::optional<PyAssignment> out, bool bf16, const py::kwargs& kwargs) {
  const Scores s = scores_of(scores, bf16);
  const std::uint32_t width = entries_per_token(spec, s.cols);
  if (!out) out.emplace(s.rows, s.cols, width);
  if (out->tokens != s.rows || out->experts != s.cols || out->kmax != width)
    throw py::value_error("out: made for other scores or another spec");
  const Known known(kwargs, s.cols);
  Assignment a = out->view();
  const State st = state_of(state);
  auto memory = workspace(spec, out->shape());
  Status status;
  {
    const py::gil_scoped_release free;
    status = assign(spec, s, known.ctx(), st, a, memory);
  }
  check(status);
  out->nan_scores = a.nan_scores;
  return *out;
}

void py_update(const Spec& spec, const py::array& scores, PyAssignment& done, PyState& state,
               bool bf16, const py::kwargs& kwargs) {
  const Scores s = scores_of(scores, bf16);
  const Known known(kwargs, s.cols);
  const Assignment a = done.view();
  State st = state.memory.view();
  auto memory = workspace(spec, done.shape());
  Status status;
  {
    const py::gil_scoped_release free;
    status = update(spec, s, known.ctx(), a, st, memory);
  }
  check(status);
  state.memory.take(st);
}

py::array py_backward(const Spec& spec, const py::array& scores, PyAssignment& done,
                      const py::array& dw, bool bf16, const py::kwargs& kwargs) {
  const Scores s = scores_of(scores, bf16);
  const Known known(kwargs, s.cols);
  py::array dz = Array<float>({s.rows, s.cols});
  const Assignment a = done.view();
  const auto slopes = read<float>(dw, "dw");
  const auto out = write<float>(dz, "dz");
  auto memory = workspace(spec, done.shape());
  Status status;
  {
    const py::gil_scoped_release free;
    status = backward(spec, s, known.ctx(), a, slopes, out, memory);
  }
  check(status);
  return dz;
}

py::dict py_plan(PyAssignment& done, std::uint32_t block) {
  const Assignment a = done.view();
  const std::size_t entries = std::size_t{done.tokens} * done.kmax;
  const std::size_t room = block > 1 ? entries + std::size_t{done.experts} * block : 0;
  std::vector<std::uint32_t> order(entries), bin_end(done.experts), padded_end(done.experts);
  std::vector<std::uint32_t> padded(room), blocks(block > 1 ? room / block : 0);
  Plan p{order, bin_end, padded_end, padded, blocks, 0, 0};
  check(plan(a, done.shape(), block, p));
  const auto array = [](const std::vector<std::uint32_t>& v, std::size_t n) {
    return Array<std::uint32_t>(static_cast<py::ssize_t>(n), v.data());
  };
  py::dict d;
  d["order"] = array(order, p.entries);
  d["bin_end"] = array(bin_end, bin_end.size());
  d["padded_end"] = array(padded_end, padded_end.size());
  if (block > 1) {
    d["padded_order"] = array(padded, p.padded_rows);
    d["block_expert"] = array(blocks, p.padded_rows / block);
  }
  d["padded_rows"] = p.padded_rows;
  return d;
}

// Sets the fields that keyword arguments name: choices by name, numbers as they are.
void set_fields(Spec& spec, const py::kwargs& kwargs) {
  for (const auto& [key, value] : kwargs) {
    const auto name = key.cast<std::string>();
    bool found = false;
    each_field(spec, [&](std::string_view field, auto& to) {
      using T = std::remove_reference_t<decltype(to)>;
      if (field != name) return;
      found = true;
      if constexpr (std::is_enum_v<T>) {
        const auto wanted = value.cast<std::string>();
        const auto known = names(to);
        const auto at = std::find(known.begin(), known.end(), wanted);
        if (at == known.end()) throw py::value_error(name + ": there is no '" + wanted + "'");
        to = static_cast<T>(at - known.begin());
      } else {
        to = value.cast<T>();
      }
    });
    if (!found) throw py::type_error("a Spec has no field '" + name + "'");
  }
}

Spec py_preset(const std::string& name, const py::kwargs& kwargs) {
  Spec spec;
  if (!preset(name, spec).ok()) throw py::value_error("there is no preset '" + name + "'");
  set_fields(spec, kwargs);
  return spec;
}

py::dict fields_of(const Spec& spec) {
  py::dict d;
  each_field(spec, [&](std::string_view field, const auto& v) {
    const py::str key(field.data(), field.size());
    if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(v)>>) {
      const std::string_view name = names(v)[static_cast<std::size_t>(v)];
      d[key] = py::str(name.data(), name.size());
    } else {
      d[key] = v;
    }
  });
  return d;
}

}  // namespace
}  // namespace swy::moe

PYBIND11_MODULE(_moe, m) {
  using namespace swy::moe;
  using namespace py::literals;
  m.doc() = "Token to expert assignment: numpy in, numpy out, no copies.";

  py::class_<Spec>(m, "Spec", "A routing rule: plain data. Fields as keyword arguments.")
      .def(py::init([](const py::kwargs& fields) {
        Spec spec;
        set_fields(spec, fields);
        return spec;
      }))
      .def("replace",
           [](Spec spec, const py::kwargs& fields) { return set_fields(spec, fields), spec; })
      .def("fields", &fields_of)
      .def("__eq__", [](const Spec& a, const Spec& b) { return a == b; })
      .def("__getattr__",
           [](const Spec& spec, const std::string& name) -> py::object {
             const py::dict d = fields_of(spec);
             if (d.contains(name.c_str())) return d[name.c_str()];
             throw py::attribute_error("a Spec has no field '" + name + "'");
           })
      .def("__repr__", [](const Spec& spec) { return "Spec(" + name_of(fields_of(spec)) + ")"; });
  py::class_<PyAssignment>(m, "Assignment", "Rows of tokens, best first; expert -1: empty.")
      .def_readonly("expert", &PyAssignment::expert)
      .def_readonly("weight", &PyAssignment::weight)
      .def_readonly("slot", &PyAssignment::slot)
      .def_readonly("demand", &PyAssignment::demand)
      .def_readonly("kept", &PyAssignment::kept)
      .def_readonly("nan_scores", &PyAssignment::nan_scores);
  py::class_<PyState>(m, "State", "What survives from batch to batch; update() alone changes it.")
      .def(py::init<const Spec&, std::uint32_t>(), "spec"_a, "experts"_a)
      .def_property_readonly(
          "bias",
          [](const py::object& self) { return view_of(self.cast<PyState&>().memory.bias, self); })
      .def_property_readonly(
          "hist",
          [](const py::object& self) { return view_of(self.cast<PyState&>().memory.hist, self); })
      .def_property_readonly("tokens_seen", [](const PyState& s) { return s.memory.tokens_seen; });

  m.def("preset", &py_preset, "name"_a, "The rule of a known model; fields over it by keyword.");
  m.def("presets", [] {
    std::vector<std::string> all;
    for (const Preset& p : presets()) all.emplace_back(p.name);
    return all;
  });
  m.def("assign", &py_assign, "spec"_a, "scores"_a, "state"_a = nullptr, "out"_a = py::none(),
        "bf16"_a = false,
        "Which experts take which tokens. Keywords: seed, step, layer, training, token_live,\n"
        "expert_live, capacity, seq_begin, token_id, hash_table, cost, lambda_, noise_sd, gain,\n"
        "hidden.");
  m.def("update", &py_update, "spec"_a, "scores"_a, "assignment"_a, "state"_a, "bf16"_a = false,
        "Moves the state after a batch.");
  m.def("backward", &py_backward, "spec"_a, "scores"_a, "assignment"_a, "dw"_a, "bf16"_a = false,
        "dL/dscores from dL/dweights.");
  m.def("plan", &py_plan, "assignment"_a, "block"_a = 0,
        "The entries (token * k + choice) by expert; with a block padded to whole blocks.");
  m.def(
      "measure",
      [](PyAssignment& done, std::uint32_t window) {
        const Metrics v = measure(done.view(), done.shape(), window);
        return py::dict("maxvio"_a = v.maxvio, "cv2"_a = v.cv2, "entropy"_a = v.entropy,
                        "drop_rate"_a = v.drop_rate, "tls"_a = v.tls, "cls"_a = v.cls);
      },
      "assignment"_a, "window"_a = 8);
  python::bind_losses(m);
  python::bind_rules(m);
}
