package sample

import (
	"fmt"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// The cultures, as indexes of names.
const (
	german = iota
	english
	french
	hispanic
	portuguese
	polish
	turkish
	indian
	chinese
	japanese
	korean
	vietnamese
	arabic
	irish
	nigerian
	greek
)

// culture holds names of one culture, separated by spaces. A name that is not written in Latin letters is followed by "=" and
// its Latin form, for the mail address.
type culture struct {
	given, family string
	familyFirst   bool
	joined        bool // written without a space
}

var cultures = []culture{
	german: {given: "Anna Björn Clara Dieter Elke Florian Grit Hanna Jörg Käthe Lukas Maren Nils Sören Ulrike Zoë",
		family: "Bauer Fischer Groß Hoffmann Jäger Köhler Lehmann Müller Neumann Schäfer Schröder Vogel Weiß Zimmermann"},
	english: {given: "Alice Ben Charlotte Daniel Emily George Grace Harry Isla Jack Olivia Oscar Ruby Sam Thomas Victoria",
		family: "Baker Clarke Davies Evans Green Hughes Jackson Lee Morgan Parker Roberts Smith Taylor Walker Wright"},
	french: {given: "Adèle Benoît Chloé Étienne François Hélène Jérôme Léa Noémie Océane Rémi Zoé",
		family: "Bernard Côté Dubois Faure Girard Lefèvre Moreau Noël Pelletier Renard Rousseau"},
	hispanic: {given: "Álvaro Beatriz Camila Diego Inés José Lucía Mónica Nicolás Ramón Sofía Ximena",
		family: "Álvarez Díaz Fernández García Hernández López Muñoz Núñez Peña Ramírez Vázquez"},
	portuguese: {given: "Antônio Beatriz Conceição Fernão Inês João Luísa Márcio Núbia Thaís Vinícius",
		family: "Araújo Brandão Conceição Gonçalves Magalhães Nóbrega Simões Tavares"},
	polish: {given: "Agnieszka Bartłomiej Grażyna Jędrzej Łukasz Małgorzata Paweł Zofia",
		family: "Dąbrowska Grześ Kamiński Łęcka Nowak Wiśniewski Wójcik"},
	turkish: {given: "Ayşe Barış Çağla Emre Gökçe İpek Özgür Şule Yağmur",
		family: "Aydın Çelik Demir Güneş Öztürk Şahin Yıldız"},
	indian: {given: "Aarav Ananya Deepika Farhan Ishaan Kavya Lakshmi Meera Nikhil Priya Rohan Sanjay Vikram",
		family: "Banerjee Chatterjee Gupta Iyer Kapoor Mehta Nair Patel Rao Reddy Sharma Singh"},
	chinese: {given: "伟=wei 芳=fang 娜=na 秀英=xiuying 敏=min 静=jing 丽=li 强=qiang 磊=lei 洋=yang",
		family: "王=wang 李=li 张=zhang 刘=liu 陈=chen 杨=yang 黄=huang 赵=zhao", familyFirst: true, joined: true},
	japanese: {given: "陽葵=himari 蓮=ren 結衣=yui 大翔=hiroto さくら=sakura 健太=kenta 美咲=misaki 翔太=shota 葵=aoi 直樹=naoki",
		family: "佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 伊藤=ito 渡辺=watanabe 山本=yamamoto 中村=nakamura 小林=kobayashi", familyFirst: true},
	korean: {given: "서연=seoyeon 민준=minjun 지우=jiwoo 하은=haeun 도윤=doyun 수빈=subin 예준=yejun",
		family: "김=kim 이=lee 박=park 최=choi 정=jung 강=kang", familyFirst: true, joined: true},
	vietnamese: {given: "Ánh Bảo Dũng Hương Khánh Linh Minh Ngọc Phương Thảo Tuấn",
		family: "Bùi Đặng Đỗ Hoàng Lê Nguyễn Phạm Trần Võ", familyFirst: true},
	arabic: {given: "ليلى=layla يوسف=yusuf مريم=maryam خالد=khalid نور=nour Amina Karim Samira",
		family: "حداد=haddad خوري=khoury منصور=mansour Najjar Saleh"},
	irish: {given: "Aoife Ciarán Éabha Niamh Oisín Pádraig Róisín Seán Siobhán",
		family: "Byrne Kelly O'Brien O'Connor Murphy Nolan Ó_Sé"},
	nigerian: {given: "Adaeze Chidi Folasadé Ngozi Olúwaseun Táíwò Yetunde",
		family: "Adébáyò Eze Ibrahim Nwosu Ọbáfẹ́mi Okafor"},
	greek: {given: "Ελένη=eleni Γιώργος=giorgos Δημήτρης=dimitris Kostas Σοφία=sofia",
		family: "Παπαδοπούλου=papadopoulou Georgiou Νικολάου=nikolaou Ιωάννου=ioannou"},
}

var departments = []string{
	"Sales", "Engineering", "Finance", "Human Resources", "Legal", "Marketing", "Support", "Security", "IT Operations",
	"Vertrieb Süd", "Qualitätssicherung", "Ventes & Relations", "営業部", "研究開発", "Logística", "Facilities",
}

// person is what the generator knows of a member beyond the directory.
type person struct {
	name   string
	office int
	active bool
}

// hire fills the directory.
func (e *Enterprise) hire(r *random) {
	count := e.opts.Members
	desks := newWeighted(indexes(len(e.offices)), func(i int) float64 { return e.offices[i].share })
	taken := map[string]int{}
	e.byDesk = make([][]int, len(e.offices))
	for i := range count {
		at := *desks.draw(r)
		if i < len(e.offices) {
			at = i // every office has somebody
		}
		name, latin := invent(r, cultures[pick(r, e.offices[at].cultures)])
		member := audit.Member{
			ID: fmt.Sprintf("u_%04d", i+1), Organization: e.opts.Organization, Name: name,
			Email: address(r, latin, taken), Departments: []string{pick(r, departments)},
			Role: roleOf(i, count), Status: audit.MemberActive, UpdatedAt: e.opts.Start,
		}
		if i < 20 || !r.chance(6) { // some have no phone on record
			member.Phone = e.offices[at].phone(r)
		}
		if second := pick(r, departments); r.chance(9) && second != member.Departments[0] {
			member.Departments = append(member.Departments, second)
		}
		if member.Role == audit.RoleMember && i >= len(e.offices)+10 {
			member.Status = status(r)
		}
		active := member.Included()
		e.Members = append(e.Members, member)
		e.people = append(e.people, person{name: name, office: at, active: active})
		if active {
			e.byDesk[at] = append(e.byDesk[at], i)
		}
		if member.Role != audit.RoleMember {
			e.admins = append(e.admins, i)
		}
	}
	for _, members := range e.byDesk {
		e.desk = append(e.desk, newZipf(len(members), 0.7))
	}
	e.admin = newZipf(len(e.admins), 0.9)
}

// roleOf gives an organization of 500 one creator, four system admins and twelve contact admins.
func roleOf(i, count int) audit.Role {
	systems := max(2, count/125)
	switch {
	case i == 0:
		return audit.RoleCreator
	case i <= systems:
		return audit.RoleSystemAdmin
	case i <= systems+max(2, count/40):
		return audit.RoleContactAdmin
	}
	return audit.RoleMember
}

func status(r *random) audit.MemberStatus {
	switch n := r.n(100); {
	case n < 4:
		return audit.MemberDeactivated
	case n < 7:
		return audit.MemberDeleted
	}
	return audit.MemberActive
}

// invent makes a name and its Latin form, "given.family".
func invent(r *random, c culture) (name, latin string) {
	given, givenLatin := form(pick(r, strings.Fields(c.given)))
	family, familyLatin := form(pick(r, strings.Fields(c.family)))
	latin = fold(givenLatin) + "." + fold(familyLatin)
	switch {
	case c.joined:
		return family + given, latin
	case c.familyFirst:
		return family + " " + given, latin
	}
	return given + " " + family, latin
}

func form(entry string) (name, latin string) {
	name, latin, found := strings.Cut(strings.ReplaceAll(entry, "_", " "), "=")
	if !found {
		latin = name
	}
	return name, latin
}

// address makes an address of the reserved domains; a second Anna Bauer gets a number.
func address(r *random, latin string, taken map[string]int) string {
	domain := "example.com"
	if r.chance(12) {
		domain = "example.org" // contractors
	}
	taken[latin]++
	if n := taken[latin]; n > 1 {
		latin = fmt.Sprintf("%s%d", latin, n)
	}
	return latin + "@" + domain
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
