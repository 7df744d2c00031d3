"""What must hold, stated so that a tariff person can read it, and the proof that it does.

A scenario (`library/*.yaml`) names who pays for what, a fleet, a time line and expectations. In the order of reading:

- `schema` the scenario file as models, `fleet` its cars and drivers, `trips` those that come from a CSV file; `loading`
  reads one and reports every mistake with file, line and field.
- `issue` makes SIMs and driver accounts out of the fleet (`owners`: of cars that are sold), `cars` what `sim` drives;
  `world` lets it live through the time.
- `evidence` what a run leaves behind; `checks` the expectations, which judge it and share no code with the engine.
- `runner` one run: the world, its twin without consumer service, the bills, the verdict. `outputs` writes the folder.
- `sharded` a fleet of any size: shards, workers, the merge; `splitsim query`, `splitsim trace`. `bench` what it costs.
- `replications` means and intervals over seeds.
- `foreign` the same fleet against an OCS that is not ours; what Gy shows is judged.
- `report` the page and its pictures. `cli` the commands `splitsim run` and `splitsim scenario`.

Go next to `sim/__init__.py` for what drives the cars, or to `ocs/__init__.py` for what charges them.
"""
