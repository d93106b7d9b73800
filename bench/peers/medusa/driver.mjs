// Drives the inventory module of Medusa as an application in the same process does, without HTTP and without workflows.
//   node driver.mjs setup DSN PRODUCTS             its migrations, and one location with stock of each product
//   node driver.mjs run DSN SECONDS CLIENTS PRODUCTS   reservations of one unit; writes a log like pgbench's
// The module takes no lock of its own: Medusa's workflows take one per product from its locking module around this call.
import { MedusaApp } from "@medusajs/framework/modules-sdk"

const [what, dsn, ...numbers] = process.argv.slice(2)
const log = console.log
// Its logger writes to standard output, which is our log.
for (const method of ["log", "info", "warn", "debug", "error"]) console[method] = () => {}

// libpq's keywords, as "host=localhost port=5432 user=postgres dbname=shop".
const given = Object.fromEntries([...dsn.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value]))
const clientUrl =
  `postgresql://${given.user}@localhost:${given.port}/${given.dbname}?host=${given.host}&ssl_mode=disable`
const [stock, location] = [10_000_000, "MAIN"]

async function open(clients) {
  const database = { clientUrl, driverOptions: { connection: { host: given.host, ssl: false } } }
  return MedusaApp({
    modulesConfig: { inventory: { resolve: "@medusajs/inventory", options: { database } } },
    sharedResourcesConfig: { database: { ...database, pool: { min: clients, max: clients } } },
  })
}

async function setup(products) {
  await (await open(2)).runMigrations()
  const { modules } = await open(2)
  for (let first = 1; first <= products; first += 500) {
    const skus = Array.from({ length: Math.min(500, products - first + 1) }, (_, n) => `S${first + n}`)
    const items = await modules.inventory.createInventoryItems(skus.map((sku) => ({ sku })))
    await modules.inventory.createInventoryLevels(
      items.map(({ id }) => ({ inventory_item_id: id, location_id: location, stocked_quantity: stock })))
  }
}

async function run(seconds, clients) {
  const { modules } = await open(clients)
  // The application knows the item of a variant; the module is not asked for it.
  const ids = (await modules.inventory.listInventoryItems({}, { select: ["id"], take: null })).map(({ id }) => id)
  const until = Date.now() + seconds * 1000
  const client = async (number) => {
    for (let n = 1; Date.now() < until; n++) {
      const began = performance.now()
      await modules.inventory.createReservationItems({
        inventory_item_id: ids[Math.floor(Math.random() * ids.length)], location_id: location, quantity: 1 })
      const end = Date.now()
      const micros = Math.round((performance.now() - began) * 1000)
      log(`${number} ${n} ${micros} 0 ${Math.floor(end / 1000)} ${(end % 1000) * 1000}`)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
}

try {
  if (what === "setup") await setup(Number(numbers[0]))
  else await run(Number(numbers[0]), Number(numbers[1]))
  process.exit(0)
} catch (error) {
  process.stderr.write(`${error.stack}\n`)
  process.exit(1)
}
