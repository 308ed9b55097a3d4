//! Servers of Debian with a configuration of their own: nginx with PHP-FPM, Apache with a CGI program, Tomcat.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::{Place, Server, apps, has};

pub(super) const NGINX_PHP: Server = Server {
    name: "nginx-php",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        has("nginx")?;
        let fpm = php_fpm()?;
        let folder = place.folder.display();
        write(
            &place.folder.join("fpm.conf"),
            &format!(
                "[global]\nerror_log = {folder}/fpm.log\n[www]\nuser = www-data\ngroup = www-data\nlisten = {folder}/php.sock\n\
             listen.mode = 0666\npm = static\npm.max_children = 4\n"
            ),
        );
        fs::copy(apps().join("app.php"), place.folder.join("app.php")).unwrap();
        write(&place.folder.join("nginx.conf"), &nginx(place));
        let mut php = Command::new(fpm);
        php.args(["-F", "-n", "-y"]).arg(place.folder.join("fpm.conf"));
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(&place.folder).arg("-c").arg(place.folder.join("nginx.conf"));
        Ok(vec![php, nginx])
    },
    version: |_| version("nginx", "-v"),
};

pub(super) const APACHE_CGI: Server = Server {
    name: "apache-cgi",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        has("apache2")?;
        has("cc")?;
        let program = place.folder.join("app.cgi");
        let done =
            Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(apps().join("cgi.c")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        write(&place.folder.join("apache.conf"), &apache(place));
        let mut command = Command::new("apache2");
        command
            .args(["-D", "FOREGROUND", "-d"])
            .arg(&place.folder)
            .arg("-f")
            .arg(place.folder.join("apache.conf"));
        Ok(vec![command])
    },
    version: |_| version("apache2", "-v"),
};

pub(super) const TOMCAT: Server = Server {
    name: "tomcat",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        has("java")?;
        let home = Path::new("/usr/share/tomcat10");
        if !home.join("lib/catalina.jar").exists() || !Path::new(JAVA_COMPILER).exists() {
            return Err("Tomcat 10 is missing".to_owned());
        }
        tomcat(place);
        let mut compiler = Command::new("java");
        compiler.args([
            "-cp",
            JAVA_COMPILER,
            "org.eclipse.jdt.internal.compiler.batch.Main",
            "-17",
            "-proc:none",
            "-cp",
        ]);
        compiler
            .arg(home.join("lib/servlet-api.jar"))
            .arg("-d")
            .arg(place.folder.join("webapps/ROOT/WEB-INF/classes"));
        let done = compiler.arg(apps().join("Reader.java")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let mut command = Command::new("java");
        command
            .args(["-Xmx512m", "-cp"])
            .arg(format!("{0}/bin/bootstrap.jar:{0}/bin/tomcat-juli.jar", home.display()));
        command.arg(format!("-Dcatalina.home={}", home.display()));
        command.arg(format!("-Dcatalina.base={}", place.folder.display()));
        command.arg(format!("-Djava.io.tmpdir={}", place.folder.display()));
        command.arg(format!("-Dreadings={}", place.readings.display()));
        command.args(["org.apache.catalina.startup.Bootstrap", "start"]);
        Ok(vec![command])
    },
    version: |_| {
        let mut command = Command::new("dpkg-query");
        command.args(["-W", "-f", "${Version}", "tomcat10-common"]);
        Some(command)
    },
};

/// It comes with Tomcat: for pages, and here for a servlet.
const JAVA_COMPILER: &str = "/usr/share/java/eclipse-jdt-core.jar";

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

fn version(program: &str, flag: &str) -> Option<Command> {
    let mut command = Command::new(program);
    command.arg(flag);
    Some(command)
}

/// Debian has the version in the program's name.
fn php_fpm() -> Result<String, String> {
    let names = ["php-fpm8.2", "php-fpm8.4", "php-fpm8.3", "php-fpm"];
    let found = names.into_iter().find(|name| has(name).is_ok());
    found.map(str::to_owned).ok_or_else(|| "`php-fpm` is missing".to_owned())
}

fn nginx(place: &Place) -> String {
    let (folder, readings, port) = (place.folder.display(), place.readings.display(), place.port);
    format!(
        r"daemon off;
user www-data;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port};
    set_real_ip_from 127.0.0.0/8;
    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
    location / {{
      fastcgi_pass unix:{folder}/php.sock;
      fastcgi_param SCRIPT_FILENAME {folder}/app.php;
      fastcgi_param READINGS {readings};
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param DOCUMENT_URI $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
    }}
  }}
}}
"
    )
}

fn apache(place: &Place) -> String {
    let (folder, readings, port) = (place.folder.display(), place.readings.display(), place.port);
    let modules = ["mpm_event", "cgid", "alias", "authz_core", "env", "remoteip"];
    let modules: String = modules
        .iter()
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    format!(
        r#"{modules}
Listen 127.0.0.1:{port}
ServerName localhost
User www-data
Group www-data
PidFile {folder}/apache.pid
ScriptSock {folder}/cgid.sock
ErrorLog {folder}/apache.log
DefaultRuntimeDir {folder}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 75
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 64
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.0/8
AllowEncodedSlashes On
SetEnv READINGS {readings}
ScriptAlias / "{folder}/app.cgi/"
<Directory "{folder}">
  Require all granted
  AcceptPathInfo On
</Directory>
"#
    )
}

/// A base of its own: one context at `/`, one servlet that takes every path.
fn tomcat(place: &Place) {
    let base = &place.folder;
    for folder in ["conf", "logs", "temp", "work", "webapps/ROOT/WEB-INF/classes"] {
        fs::create_dir_all(base.join(folder)).unwrap();
    }
    fs::copy("/usr/share/tomcat10/etc/web.xml", base.join("conf/web.xml")).unwrap();
    write(
        &base.join("conf/server.xml"),
        &format!(
            r#"<Server port="-1"><Service name="Catalina">
<Connector port="{}" address="127.0.0.1" protocol="HTTP/1.1" maxKeepAliveRequests="-1" keepAliveTimeout="75000"
  encodedSolidusHandling="decode" maxThreads="16"/>
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps" autoDeploy="false">
<Valve className="org.apache.catalina.valves.RemoteIpValve" internalProxies="127\.\d+\.\d+\.\d+"/>
</Host></Engine></Service></Server>
"#,
            place.port
        ),
    );
    write(
        &base.join("webapps/ROOT/WEB-INF/web.xml"),
        r#"<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0"><servlet><servlet-name>app</servlet-name>
<servlet-class>Reader</servlet-class></servlet><servlet-mapping><servlet-name>app</servlet-name><url-pattern>/*</url-pattern>
</servlet-mapping></web-app>
"#,
    );
}
