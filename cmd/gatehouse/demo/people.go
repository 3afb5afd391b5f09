package demo

import "gatehouse/internal/identity"

// A person of the house, and how they come to it.
type person struct {
	*identity.User
	device, ip, agent string
	session           *identity.Session // nil before the first sign-in
}

// staff are those whose password is told.
var staff = []struct {
	name, username string
	role           identity.Role
	may            string
}{
	{"Mara Okafor", "mara", identity.RoleAdmin, "everything"},
	{"Jonas Lindqvist", "jonas", identity.RoleOperator, "sees all; ends sessions, revokes tokens"},
	{"Priya Raman", "priya", identity.RoleAuditor, "sees all"},
	{"Somchai Wattanasin", "somchai", identity.RoleUser, "signs in to applications, has an account"},
}

// residents are the others.
var residents = []struct{ name, username, locale string }{
	{"สมหญิง ใจดี", "somying", "th"}, {"ณัฐพล ศรีสุข", "nattapon", "th"}, {"กนกวรรณ แสงทอง", "kanokwan", "th"}, {"ปิยะพงษ์ วงศ์ใหญ่", "piyapong", "th"},
	{"Anchalee Chaiyasit", "anchalee", "th"}, {"Thanawat Boonmee", "thanawat", "th"},
	{"Budi Santoso", "budi", "id"}, {"Siti Nurhaliza Putri", "siti", "id"}, {"I Wayan Sudarma", "wayan", "id"}, {"Dewi Lestari", "dewi", "id"},
	{"Agus Setiawan", "agus", "id"}, {"Ratna Wulandari", "ratna", "id"}, {"Muhammad Rizky Pratama", "rizky", "id"}, {"Suharto", "suharto", "id"},
	{"Sofia Ivanova", "sofia", "bg"}, {"Olga Petrova", "olga", "ru"}, {"Дмитрий Соколов", "dmitri", "ru"}, {"Олена Коваленко", "olena", "uk"},
	{"王小明", "xiaoming", "zh"}, {"李娜", "lina", "zh"}, {"陳怡君", "yichun", "zh"}, {"佐藤 花子", "hanako", "ja"}, {"鈴木 一郎", "ichiro", "ja"},
	{"김민준", "minjun", "ko"}, {"이서연", "seoyeon", "ko"}, {"Nguyễn Thị Minh Khai", "minhkhai", "vi"}, {"Trần Văn Hùng", "hung", "vi"},
	{"Maria Clara dela Cruz", "mariaclara", "tl"}, {"Aung Kyaw Moe", "aungkyaw", "my"}, {"Sok Chantrea", "chantrea", "km"},
	{"محمد العلي", "mohammed", "ar"}, {"فاطمة حسن", "fatima", "ar"}, {"Leila Haddad", "leila", "fr"}, {"נועה כהן", "noa", "he"}, {"Reza Karimi", "reza", "fa"},
	{"Aarav Sharma", "aarav", "hi"}, {"Ananya Iyer", "ananya", "ta"}, {"Tanvir Rahman", "tanvir", "bn"}, {"Nimal Perera", "nimal", "si"},
	{"Chinonso Eze", "chinonso", "en"}, {"Wanjiku Kamau", "wanjiku", "sw"}, {"Thabo Mokoena", "thabo", "en"}, {"Amina Diallo", "amina", "fr"}, {"Abebe Bikila Tesfaye", "abebe", "am"},
	{"Zoë van den Berg", "zoe", "nl"}, {"Jürgen Müller-Lüdenscheidt", "juergen", "de"}, {"Siobhán O’Brien", "siobhan", "en"}, {"Þórdís Jónsdóttir", "thordis", "is"},
	{"Maximiliane Freifrau von Wolkenstein", "maximiliane", "de"}, {"José María García López", "josemaria", "es"}, {"Łukasz Wiśniewski", "lukasz", "pl"},
	{"Ελένη Παπαδοπούλου", "eleni", "el"}, {"Ana Beatriz Souza", "anabeatriz", "pt"}, {"Quetzalli Hernández", "quetzalli", "es"}, {"Kai Nakamura", "kai", "en"}, {"Tama Ngata", "tama", "mi"},
	{"Raden Ajeng Kartika Puspitasari Hadiningrat Wijayakusuma van der Westhuizen-Montgomery", "kartika.puspitasari.wijayakusuma", "id"},
}

// agents are the browsers that people use; servers and phones' applications are agents too.
var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
}

// groups are what people belong to; each has some of them, but for the last.
var groups = []struct{ name, about string }{
	{"Editors", "They write and publish the notes that everybody reads."},
	{"Accounting", "Invoices, expenses and the monthly closing."},
	{"Warehouse", "Picking, packing and the returns desk."},
	{"Night shift", "From next month on."},
}
