# Every target runs with the pinned Bun and the packages of bun.lock, which it gets first where they are missing.
RUN := @sh scripts/bootstrap.sh
BUN := $(RUN) bun

.DEFAULT_GOAL := help
.PHONY: help up down clean logs ps infra dev demo seed migrate migration test format lint types build parked replay docs bench new

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { sub("%", "users", $$1); printf "  \033[36mmake %-10s\033[0m %s\n", $$1, $$2 }' Makefile

up: ## Install what is missing and run everything, bundled (d=1: in the background)
	$(BUN) scripts/up.ts $(if $(d),--detach)

dev: ## Like up, and every process reloads when its code changes
	$(BUN) scripts/up.ts --watch $(if $(d),--detach)

down: ## Stop what up started
	$(BUN) scripts/down.ts

demo: ## Walk the main story against the running system
	$(BUN) scripts/demo.ts

ps: ## List the running processes and their memory
	$(BUN) scripts/ps.ts

logs: ## Follow the logs (s=users: of one process)
	$(BUN) scripts/logs.ts $(s)

seed: ## Add people to the running system (n=200: how many)
	$(BUN) scripts/seed.ts $(n)

migrate: ## Bring every database to its newest migration
	$(BUN) scripts/migrate.ts

migration: ## Write the migration for a changed schema.ts (name=users as=add-nickname)
	$(BUN) scripts/migration.ts "$(name)" "$(as)"

audit: ## Prove that no money has appeared or is lost
	$(BUN) scripts/audit.ts

db-%: ## Open a SQL shell in one service's database
	$(BUN) scripts/database-shell.ts $*

infra: ## Run the servers only, in the foreground
	$(BUN) infra/main.ts

test: ## Check and test everything on a stack of its own (t=services/users: these tests only)
	$(BUN) scripts/test.ts $(t)

format: ## Format the code
	$(RUN) biome format --write .

lint: ## Look for mistakes
	$(RUN) biome check .

types: ## Check the types
	$(RUN) tsc --noEmit

build: ## Bundle every process into dist/
	$(BUN) scripts/build.ts

parked: ## List what could not be done, with the reasons (q=mail: of one more queue)
	$(BUN) scripts/parked.ts list $(q)

replay: ## Have what is parked in a queue tried again (q=mail: which)
	$(BUN) scripts/parked.ts replay $(q)

docs: ## Write docs/events.md and docs/errors.md anew from the code
	$(BUN) scripts/generate-docs.ts

deployment: ## Write what deploy/ says of each process anew, after a change of the Procfile
	$(BUN) scripts/deployment.ts

bench: ## Run the benchmarks (b=gateway: this one only)
	$(BUN) bench/main.ts $(b)

new: ## Make a new service (name=bookmarks)
	$(BUN) scripts/new-service.ts $(name)

clean: ## Stop everything and remove its data and builds
	$(BUN) scripts/down.ts && rm -rf .data dist
