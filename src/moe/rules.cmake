# The rules beside the plain select path: transport, losses, planners, routers with state.
set(rules transport/auction.cc transport/base_auction.cc transport/sinkhorn.cc transport/sinkhorn_routers.cc
  loss/balance_loss.cc loss/gradient.cc loss/noisy_load.cc loss/router_loss.cc loss/sparsemixer.cc planner/llep.cc
  planner/pipeline_plan.cc router/clusters.cc router/pool_rules.cc router/recurrent.cc
  router/score_edit.cc router/uncertainty.cc router/variable_count.cc metrics/consistency.cc
  metrics/specialisation.cc)
set(rules_tests transport/auction_test.cc transport/sinkhorn_test.cc loss/balance_loss_test.cc loss/gradient_test.cc
  loss/router_loss_test.cc planner/llep_test.cc planner/pipeline_plan_test.cc router/pool_rules_test.cc
  router/score_edit_test.cc router/state_routers_test.cc router/variable_count_test.cc
  metrics/consistency_test.cc)
