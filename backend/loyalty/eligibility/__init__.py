"""Who may have a reward or earn by a rule: rules, the facts they ask for, and the verdict in words."""
