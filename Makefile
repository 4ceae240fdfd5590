# Every target runs with the pinned Bun and the packages of bun.lock, which are installed first if they are missing.
RUN := @sh scripts/bootstrap.sh
BUN := $(RUN) bun

.DEFAULT_GOAL := help
.PHONY: help up cluster down clean logs ps infra dev demo seed migrate migration audit test format lint types build parked replay docs deployment alerts contracts client bench new credential backup restore

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { sub("%", "users", $$1); printf "  \033[36mmake %-12s\033[0m %s\n", $$1, $$2 }' Makefile

up: ## Install missing dependencies, build and start the system (d=1: in the background; profile=compact: in one process)
	$(BUN) scripts/up.ts $(if $(d),--detach) $(if $(profile),--profile=$(profile))

dev: ## Start the system from the sources, reloading on changes (d=1: in the background; profile=compact: in one process)
	$(BUN) scripts/up.ts --watch $(if $(d),--detach) $(if $(profile),--profile=$(profile))

cluster: ## Start the system on clusters of its servers, with two of every process (d=1: in the background)
	$(BUN) scripts/up/cluster.ts $(if $(d),--detach) $(if $(namespaces),--namespaces)

down: ## Stop the system
	$(BUN) scripts/down.ts

demo: ## Run the main workflow against the running system
	$(BUN) scripts/demo.ts

ps: ## List the running processes and their memory usage
	$(BUN) scripts/ps.ts

logs: ## Follow the logs (s=users: of one process)
	$(BUN) scripts/logs.ts $(s)

seed: ## Add demo data to the running system (n=200: number of people)
	$(BUN) scripts/seed.ts $(n)

migrate: ## Migrate all databases
	$(BUN) migrate/main.ts

migration: ## Generate the migration for a changed schema.ts (name=users as=add-nickname)
	$(BUN) scripts/migration.ts "$(name)" "$(as)"

audit: ## Check the invariants of ledger, payments and invoices
	$(BUN) scripts/audit.ts

backup: ## Copy all stores of the running system into a folder (to=folder; docs/OPERATIONS.md)
	$(BUN) scripts/backup/main.ts $(to)

restore: ## Restore a backup into an empty system, whose processes are stopped (from=folder)
	$(BUN) scripts/restore/main.ts $(from)

db-%: ## Open a SQL shell in the database of a service
	$(BUN) scripts/database-shell.ts $*

infra: ## Run only the servers, in the foreground
	$(BUN) infra/main.ts

test: ## Run all checks and tests on a stack of their own (t=services/users: only these tests)
	$(BUN) scripts/test.ts $(t)

format: ## Format the code
	$(RUN) biome format --write .

lint: ## Lint the code
	$(RUN) biome check .

types: ## Check the types
	$(RUN) tsc --noEmit

build: ## Bundle every process into dist/, and all of them into one executable, dist/rookery
	$(BUN) scripts/build.ts
	$(BUN) scripts/build-executable.ts

parked: ## List the parked messages and their reasons (q=mail: of an additional queue)
	$(BUN) scripts/parked.ts list $(q)

replay: ## Replay the parked messages of a queue (q=mail)
	$(BUN) scripts/parked.ts replay $(q)

docs: ## Generate docs/events.md and docs/errors.md
	$(BUN) scripts/generate-docs.ts

contracts: ## Accept the OpenAPI documents and .proto files as they are, unless they break clients
	$(BUN) scripts/accept-contracts.ts

client: ## Generate clients/typescript from the OpenAPI document
	$(BUN) scripts/generate-client.ts

deployment: ## Generate the deployment files from the Procfile
	$(BUN) scripts/deployment.ts

alerts: ## Provoke every Prometheus alert in a system of its own (takes minutes; a=NoInstances: only this one)
	$(BUN) tests/alerts/main.ts $(a)

bench: ## Run the benchmarks (b=gateway: only this one; docs/PERFORMANCE.md)
	$(BUN) bench/main.ts $(b)

credential: ## Print the registration credential of a service (s=hello)
	$(BUN) scripts/credential.ts $(s)

new: ## Create a service (name=bookmarks)
	$(BUN) scripts/new-service.ts $(name)

clean: ## Stop the system and remove its data and builds
	$(BUN) scripts/down.ts && rm -rf .data dist
