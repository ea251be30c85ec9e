# What the library and its Python binding (python/) are made of. Paths are relative to this file.
set(SWY_MOE_SOURCES assign.cc backward.cc batch.cc fields.cc measure.cc plan.cc preset.cc schedule.cc update.cc
  detail/block.cc detail/cap.cc detail/check.cc detail/expert_choice.cc detail/kernels.cc detail/kernels_simd.cc detail/order.cc detail/select.cc detail/tournament_simd.cc detail/transform.cc detail/weigh.cc
  transport/auction.cc transport/base_auction.cc transport/online_bip.cc transport/sinkhorn.cc transport/sinkhorn_routers.cc
  loss/balance_loss.cc loss/gradient.cc loss/locality_loss.cc loss/noisy_load.cc loss/router_loss.cc loss/sparsemixer.cc
  planner/llep.cc planner/pipeline_plan.cc router/clusters.cc router/pool_rules.cc router/recurrent.cc
  router/score_edit.cc router/uncertainty.cc router/variable_count.cc metrics/consistency.cc metrics/specialisation.cc)
# Every kernel version gives the same bits: no fused multiply-add but where the code asks for one.
# Optimised in every preset: tests count by the ten thousand.
set(SWY_MOE_OPTIONS "-O3;-ffp-contract=off")
