// Prints the arguments that Node passes on to a program.
process.stdout.write(JSON.stringify(process.argv.slice(2)))
