variable "size" { default = "2" }
resource "terraform_data" "web" {
  count = 2
  input = var.size
}
resource "terraform_data" "db" {
  triggers_replace = [var.size]
  input = "db"
}
output "size" { value = terraform_data.web[0].output }
output "password" {
  value = "hidden"
  sensitive = true
}
