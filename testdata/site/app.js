console.log("geist")
