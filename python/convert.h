// Between numpy and the library: what both files of the binding share.
//
// When to use: inside python/ only. Threading: with the interpreter's lock. Ownership: arguments
// are borrowed from their arrays; an array of another type or layout is copied once.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "moe/checked.h"
#include "moe/rows.h"
#include "switchyard/moe.h"

namespace swy::moe::python {

namespace py = pybind11;

// A Status that is not ok becomes a ValueError that names the argument.
inline void check(const Status& s) {
  if (s.ok()) return;
  constexpr const char* kWhy[] = {"", "is too short", "makes no sense here", "does not fit",
                                  "is not supported here"};
  throw py::value_error(std::string(s.what) + " " + kWhy[static_cast<int>(s.code)]);
}

template <class T>
T checked(const Checked<T>& c) {
  check(c.status);
  return c;
}

// An argument: any array or list of numbers, C order, no copy where it is one of T already.
template <class T>
using In = py::array_t<T, py::array::c_style | py::array::forcecast>;
// An argument written in place: exactly such an array. None: not wanted.
using Grad = std::optional<py::array_t<double, py::array::c_style>>;

template <class T>
std::span<const T> span_of(const In<T>& a) {
  return {a.data(), static_cast<std::size_t>(a.size())};
}

template <class T>
Rows<const T> rows_of(const In<T>& a, const char* name) {
  if (a.ndim() != 2) throw py::value_error(std::string(name) + ": expected two dimensions");
  return {span_of(a), static_cast<std::size_t>(a.shape(0)), static_cast<std::size_t>(a.shape(1))};
}

inline Rows<double> rows_of(Grad& grad) {
  if (!grad) return {};
  if (grad->ndim() != 2) throw py::value_error("grad: expected two dimensions");
  return {std::span<double>(grad->mutable_data(), static_cast<std::size_t>(grad->size())),
          static_cast<std::size_t>(grad->shape(0)), static_cast<std::size_t>(grad->shape(1))};
}

inline std::span<double> span_of(Grad& grad) {
  if (!grad) return {};
  return {grad->mutable_data(), static_cast<std::size_t>(grad->size())};
}

// A new array, and its memory.
template <class T>
struct Out {
  py::array_t<T> array;
  explicit Out(std::size_t n) : array(static_cast<py::ssize_t>(n)) { clear(); }
  Out(std::size_t rows, std::size_t cols)
      : array({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(cols)}) {
    clear();
  }
  [[nodiscard]] std::span<T> span() {
    return {array.mutable_data(), static_cast<std::size_t>(array.size())};
  }
  [[nodiscard]] Rows<T> rows() {
    return {span(), static_cast<std::size_t>(array.shape(0)),
            static_cast<std::size_t>(array.shape(1))};
  }

 private:
  void clear() { std::fill_n(array.mutable_data(), array.size(), T()); }
};

// A new array with the numbers of an argument, to be changed.
template <class T>
Out<T> copy_of(const In<T>& a) {
  Out<T> out(static_cast<std::size_t>(a.size()));
  std::copy_n(a.data(), a.size(), out.array.mutable_data());
  return out;
}
template <class T>
Out<T> table_of(const In<T>& a, const char* name) {
  const auto r = rows_of(a, name);
  Out<T> out(r.rows, r.cols);
  std::copy_n(a.data(), a.size(), out.array.mutable_data());
  return out;
}

template <class T>
T choice(const std::string& name, const char* argument, std::span<const char* const> names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return static_cast<T>(i);
  throw py::value_error(std::string(argument) + ": there is no '" + name + "'");
}

inline base::Rng rng_of(std::uint64_t seed) { return {seed, 0, 0}; }

// The rules beside assign(): bind_losses.cc, bind_rules.cc.
void bind_losses(py::module_& m);
void bind_rules(py::module_& m);

}  // namespace swy::moe::python
