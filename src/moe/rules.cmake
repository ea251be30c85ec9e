# The rules beside the plain select path: transport, losses, planners, routers with state.
set(rules transport/auction.cc transport/base_auction.cc transport/sinkhorn.cc transport/sinkhorn_routers.cc
  loss/balance_loss.cc loss/gradient.cc loss/locality_loss.cc loss/noisy_load.cc loss/router_loss.cc loss/sparsemixer.cc planner/llep.cc
  planner/pipeline_plan.cc router/clusters.cc router/pool_rules.cc router/recurrent.cc
  router/score_edit.cc router/uncertainty.cc router/variable_count.cc metrics/consistency.cc
  metrics/specialisation.cc)
set(rules_tests rows_test.cc rules_bad_input_test.cc transport/auction_test.cc transport/sinkhorn_test.cc loss/balance_loss_test.cc loss/gradient_test.cc
  loss/router_loss_test.cc planner/llep_test.cc planner/pipeline_plan_test.cc router/pool_rules_test.cc
  router/score_edit_test.cc router/state_routers_test.cc router/variable_count_test.cc
  metrics/consistency_test.cc)

# Two programs of their own, each left out where its library is missing: gradients against PyTorch's, assignments against a
# linear programming solver.
function(swy_moe_oracle name source label)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE swy_moe swy_flags GTest::gtest_main ${ARGN})
  target_compile_definitions(${name} PRIVATE SWY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${label} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${label} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()
function(swy_moe_oracles)
  find_library(SWY_GLPK glpk)
  if(SWY_TESTS AND SWY_GLPK)
    swy_moe_oracle(moe_exact_test transport/exact_test.cc moe_exact ${SWY_GLPK})
  endif()
  find_path(SWY_TORCH_INCLUDE ATen/core/Tensor.h)
  find_library(SWY_TORCH torch)
  find_library(SWY_TORCH_CPU torch_cpu)
  find_library(SWY_C10 c10)
  if(SWY_TESTS AND SWY_TORCH_INCLUDE AND SWY_TORCH AND SWY_TORCH_CPU AND SWY_C10)
    # A header for every operator, in place of all of them: a fraction of the compilation.
    set_source_files_properties(loss/autograd_test.cc PROPERTIES COMPILE_DEFINITIONS
      "AT_PER_OPERATOR_HEADERS;TORCH_ASSERT_ONLY_METHOD_OPERATORS")
    swy_moe_oracle(moe_autograd_test loss/autograd_test.cc moe_autograd ${SWY_TORCH} ${SWY_TORCH_CPU} ${SWY_C10})
    target_include_directories(moe_autograd_test SYSTEM PRIVATE ${SWY_TORCH_INCLUDE})
  endif()
endfunction()
