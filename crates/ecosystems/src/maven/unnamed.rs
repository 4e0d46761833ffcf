//! Archives that Maven did not build and that say nowhere which artifact they are: the file's name and the folders of its
//! classes tell, for projects of which both are known. Neither alone is believed, and what is not in the table stays a gap.

use super::pom::Coordinates;
use crate::manifest::file_name;

/// Whether an artifact's name begins so, or is exactly this.
#[derive(Clone, Copy)]
enum Artifact {
    Begins(&'static str),
    Is(&'static [&'static str]),
}

use Artifact::{Begins, Is};

/// Where a project's classes are, what its artifacts are called, and their group. The first that fits counts.
const PROJECTS: &[(&str, Artifact, &str)] = &[
    ("org/springframework/boot/", Begins("spring-boot"), "org.springframework.boot"),
    (
        "org/springframework/security/kerberos/",
        Begins("spring-security-kerberos-"),
        "org.springframework.security.kerberos",
    ),
    ("org/springframework/security/", Begins("spring-security-"), "org.springframework.security"),
    ("org/springframework/data/", Begins("spring-data-"), "org.springframework.data"),
    ("org/springframework/cloud/", Begins("spring-cloud-"), "org.springframework.cloud"),
    ("org/springframework/session/", Begins("spring-session-"), "org.springframework.session"),
    ("org/springframework/integration/", Begins("spring-integration-"), "org.springframework.integration"),
    ("org/springframework/batch/", Begins("spring-batch-"), "org.springframework.batch"),
    ("org/springframework/kafka/", Begins("spring-kafka"), "org.springframework.kafka"),
    ("org/springframework/amqp/", Begins("spring-"), "org.springframework.amqp"),
    ("org/springframework/ldap/", Begins("spring-ldap-"), "org.springframework.ldap"),
    ("org/springframework/graphql/", Begins("spring-graphql"), "org.springframework.graphql"),
    ("org/springframework/", Is(SPRING), "org.springframework"),
    ("org/apache/commons/logging/", Is(&["spring-jcl"]), "org.springframework"),
    ("org/apache/", Begins("tomcat-embed-"), "org.apache.tomcat.embed"),
    ("org/apache/", Begins("tomcat-"), "org.apache.tomcat"),
    ("org/bouncycastle/", Begins("bc"), "org.bouncycastle"),
    ("org/apache/kafka/", Begins("kafka-"), "org.apache.kafka"),
    ("kafka/", Begins("kafka_2."), "org.apache.kafka"),
    ("org/apache/lucene/", Begins("lucene-"), "org.apache.lucene"),
    ("org/apache/solr/", Begins("solr-"), "org.apache.solr"),
    ("org/elasticsearch/", Is(&["elasticsearch"]), "org.elasticsearch"),
    ("org/opensearch/", Is(&["opensearch"]), "org.opensearch"),
    ("io/grpc/", Begins("grpc-"), "io.grpc"),
    ("io/micrometer/", Begins("micrometer-"), "io.micrometer"),
    ("reactor/netty/", Begins("reactor-netty"), "io.projectreactor.netty"),
    ("reactor/core/", Is(&["reactor-core"]), "io.projectreactor"),
    ("okhttp3/", Is(&["okhttp", "okhttp-jvm"]), "com.squareup.okhttp3"),
    ("okio/", Is(&["okio", "okio-jvm"]), "com.squareup.okio"),
    ("retrofit2/", Is(&["retrofit"]), "com.squareup.retrofit2"),
    ("graphql/", Is(&["graphql-java"]), "com.graphql-java"),
    ("kotlinx/coroutines/", Begins("kotlinx-coroutines-"), "org.jetbrains.kotlinx"),
    ("kotlin/", Begins("kotlin-"), "org.jetbrains.kotlin"),
    ("org/objectweb/asm/", Is(&["asm", "asm-analysis", "asm-commons", "asm-tree", "asm-util"]), "org.ow2.asm"),
    ("org/h2/", Is(&["h2"]), "com.h2database"),
    ("org/hsqldb/", Is(&["hsqldb"]), "org.hsqldb"),
    ("org/postgresql/", Is(&["postgresql"]), "org.postgresql"),
    ("com/mysql/", Is(&["mysql-connector-j"]), "com.mysql"),
    ("com/mysql/", Is(&["mysql-connector-java"]), "mysql"),
    ("com/microsoft/sqlserver/", Is(&["mssql-jdbc"]), "com.microsoft.sqlserver"),
    ("org/apache/log4j/", Is(&["log4j"]), "log4j"),
    ("org/apache/xerces/", Is(&["xercesImpl"]), "xerces"),
    ("org/apache/xalan/", Is(&["xalan"]), "xalan"),
    ("org/apache/commons/collections/", Is(&["commons-collections"]), "commons-collections"),
    ("org/apache/commons/beanutils/", Is(&["commons-beanutils"]), "commons-beanutils"),
    ("org/apache/commons/fileupload/", Is(&["commons-fileupload"]), "commons-fileupload"),
    ("org/apache/commons/httpclient/", Is(&["commons-httpclient"]), "commons-httpclient"),
    ("org/apache/commons/lang/", Is(&["commons-lang"]), "commons-lang"),
    ("org/apache/commons/logging/", Is(&["commons-logging"]), "commons-logging"),
];

/// The artifacts of the framework itself.
const SPRING: &[&str] = &[
    "spring-aop",
    "spring-aspects",
    "spring-beans",
    "spring-context",
    "spring-context-support",
    "spring-core",
    "spring-expression",
    "spring-instrument",
    "spring-jdbc",
    "spring-jms",
    "spring-messaging",
    "spring-orm",
    "spring-oxm",
    "spring-r2dbc",
    "spring-test",
    "spring-tx",
    "spring-web",
    "spring-webflux",
    "spring-webmvc",
    "spring-websocket",
];

/// Tomcat's own archives have other names than the artifacts they are.
const RENAMED: &[(&str, &str)] =
    &[("catalina", "tomcat-catalina"), ("jasper", "tomcat-jasper"), ("el-api", "tomcat-el-api")];

/// What an archive shows while it is walked.
pub(super) struct Signs {
    /// By the places in the table: whether there are such classes.
    classes: [bool; PROJECTS.len()],
    version: String,
}

impl Signs {
    pub(super) fn new() -> Self {
        Self { classes: [false; PROJECTS.len()], version: String::new() }
    }

    /// Notes where a class is.
    pub(super) fn entry(&mut self, path: &str) {
        if path.ends_with(".class") {
            for (seen, (folder, ..)) in self.classes.iter_mut().zip(PROJECTS) {
                *seen |= path.starts_with(folder);
            }
        }
    }

    /// Takes the version out of `META-INF/MANIFEST.MF`.
    pub(super) fn manifest(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let value =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
        self.version = value("Implementation-Version:").or_else(|| value("Bundle-Version:")).unwrap_or_default();
    }

    /// The artifact, when the name of the file and the classes agree.
    pub(super) fn artifact(&self, path: &str) -> Option<Coordinates> {
        let (name, _) = file_name(path).rsplit_once('.')?;
        let split = name.match_indices('-').find(|(at, _)| name[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
        let (artifact, version) = split.map_or((name, self.version.as_str()), |(at, _)| (&name[..at], &name[at + 1..]));
        let artifact = RENAMED.iter().find(|(own, _)| *own == artifact).map_or(artifact, |(_, artifact)| artifact);
        // Neither holds what the artifact holds.
        let beside = ["-sources", "-javadoc", "-tests"].iter().any(|end| version.ends_with(end));
        let fits = |known: Artifact| match known {
            Begins(start) => artifact.starts_with(start),
            Is(names) => names.contains(&artifact),
        };
        let mut seen = PROJECTS.iter().zip(&self.classes).filter(|(_, seen)| **seen);
        let ((_, _, group), _) =
            seen.find(|((_, known, _), _)| fits(*known)).filter(|_| !version.is_empty() && !beside)?;
        Some(Coordinates { group: (*group).to_owned(), artifact: artifact.to_owned(), version: version.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, entries: &[&str], manifest: &str) -> Option<String> {
        let mut signs = Signs::new();
        entries.iter().for_each(|entry| signs.entry(entry));
        signs.manifest(manifest.as_bytes());
        signs.artifact(path).map(|c| format!("{}:{} {}", c.group, c.artifact, c.version))
    }

    #[test]
    fn the_name_and_the_classes_have_to_agree() {
        let tomcat = "Manifest-Version: 1.0\r\nImplementation-Version: 9.0.65\r\n";
        for (path, class, manifest, told) in [
            (
                "a!/BOOT-INF/lib/spring-beans-5.3.17.jar",
                "org/springframework/beans/A.class",
                "",
                "org.springframework:spring-beans 5.3.17",
            ),
            (
                "spring-boot-2.7.0.jar",
                "org/springframework/boot/A.class",
                "",
                "org.springframework.boot:spring-boot 2.7.0",
            ),
            ("kafka_2.13-3.4.0.jar", "kafka/A.class", "", "org.apache.kafka:kafka_2.13 3.4.0"),
            ("bcprov-jdk18on-1.78.jar", "org/bouncycastle/A.class", "", "org.bouncycastle:bcprov-jdk18on 1.78"),
            ("h2-2.1.214.jar", "org/h2/Driver.class", "", "com.h2database:h2 2.1.214"),
            ("lib/catalina.jar", "org/apache/catalina/A.class", tomcat, "org.apache.tomcat:tomcat-catalina 9.0.65"),
            ("lib/tomcat-coyote.jar", "org/apache/coyote/A.class", tomcat, "org.apache.tomcat:tomcat-coyote 9.0.65"),
        ] {
            assert_eq!(check(path, &[class], manifest).as_deref(), Some(told), "{path}");
        }
    }

    #[test]
    fn one_sign_alone_is_not_believed() {
        let class = "org/springframework/beans/A.class";
        for (path, entries) in [
            ("spring-beans-5.3.17.jar", &["com/example/A.class"][..]),
            ("spring-beans-5.3.17.jar", &["org/springframework/beans/x.xml"]),
            ("spring-beans-5.3.17-sources.jar", &[class]),
            ("spring-beans.jar", &[class]),
            ("app-1.0.jar", &[class]),
            ("jar", &[class]),
        ] {
            assert_eq!(check(path, entries, ""), None, "{path}");
        }
    }
}
