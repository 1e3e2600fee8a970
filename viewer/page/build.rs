//! Every file of the page is part of the program: a new one, too, makes it anew.

fn main() {
    println!("cargo:rerun-if-changed=assets");
}
