"""What a fleet costs: `splitsim bench fleet` (`fleet` measures, `baselines` are what it is compared with)."""
