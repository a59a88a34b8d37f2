"""Techniques that a prompt file switches on, a module for each, with the calls that it takes.

    metadata:
      ragstone:
        layers:
          cot: {on: true}
          self_consistency: {on: true, n: 5}

Some change the words of the one call (`cot`, and `few_shot` beside this room). The others make calls of their own, one
around the other, from the outside in: `reflect`, `chain_of_verification`, `step_back`, `generated_knowledge`,
`self_consistency` or `best_of`, then `least_to_most`, `react` or `tree_of_thoughts`, then the call itself.
"""
